/** What a relay says of its cluster's federated Services: `GET /services`. [SVC40] */
import { z } from "zod";

const clusterSchema = z.object({
  /** The source cluster, as its slices' label names it. */
  cluster: z.string(),
  /** `null`: the relay's own cluster. */
  rcc: z.string().nullable(),
  services: z.array(z.string()),
  /** `name/protocol`, of the federated Service; `-`: without a name. */
  unmatchedPorts: z.array(z.string()),
  ready: z.int(),
  notReady: z.int(),
  withheld: z.array(z.object({ service: z.string(), ip: z.string(), reason: z.string() })),
  /** It is not heard now, and what it told stays. */
  lost: z.boolean(),
  /** From the source's change to the slice, on two clocks; `null`: not measured. */
  lagMs: z.number().nullable(),
});

export const serviceReportSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  /** By the standard's ServiceExport, not by an annotation here. */
  imported: z.boolean().optional(),
  /**
   * `Written`, `Shown`, `Standby`, `Failing`, `ForeignEndpoints`, `NotImported`, or why it is not
   * federated.
   */
  state: z.string(),
  message: z.string(),
  clusters: z.array(clusterSchema),
  /** EndpointSlices as they are to be. */
  slices: z.array(z.record(z.string(), z.unknown())),
});

export type ServiceReport = z.output<typeof serviceReportSchema>;

export const servicesSchema = z.object({
  cluster: z.string().nullable(),
  items: z.array(serviceReportSchema),
  /** Collections of the relay's cluster that it cannot read. */
  unread: z.array(z.object({ name: z.string(), reason: z.string() })).default([]),
  /** Remotes that export more Services than are imported of one. [MCS11] */
  overBound: z
    .array(z.object({ rcc: z.string(), exported: z.int(), imported: z.int() }))
    .default([]),
});
