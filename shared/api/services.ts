/** What a relay says of its cluster's federated Services: `GET /services`. [SVC40] [SVC41] */
import { z } from "zod";

/** Why something is missing, or is otherwise than asked for. */
const causeSchema = z.object({
  /** One word, as conditions have it. */
  reason: z.string(),
  /** What it is about, by name, and what can be done. */
  message: z.string(),
});

export type Cause = z.output<typeof causeSchema>;

const conditionSchema = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
});

export type ToldCondition = z.output<typeof conditionSchema>;

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
  /** Why endpoints of it are missing or not ready, besides those withheld. */
  causes: z.array(causeSchema).default([]),
});

export const serviceReportSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  /** By the standard's ServiceExport, not by an annotation here. */
  imported: z.boolean().optional(),
  /**
   * `Written`, `Waiting`, `Shown`, `Standby`, `Failing`, `ForeignEndpoints`, `NotImported`,
   * `NotReady`, or why it is not federated.
   */
  state: z.string(),
  message: z.string(),
  clusters: z.array(clusterSchema),
  /** EndpointSlices as they are to be. */
  slices: z.array(z.record(z.string(), z.unknown())),
  /** Of an import: those of its ServiceImport, as the API server has them. */
  conditions: z.array(conditionSchema).default([]),
});

export type ServiceReport = z.output<typeof serviceReportSchema>;

/** A ServiceExport of the relay's cluster. */
const exportSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  /** As the API server has them. */
  conditions: z.array(conditionSchema),
});

export type ExportedReport = z.output<typeof exportSchema>;

export const servicesSchema = z.object({
  cluster: z.string().nullable(),
  items: z.array(serviceReportSchema),
  /** Collections of the relay's cluster that it cannot read. */
  unread: z.array(z.object({ name: z.string(), reason: z.string() })).default([]),
  /** Remotes that export more Services than are imported of one. [MCS11] */
  overBound: z
    .array(z.object({ rcc: z.string(), exported: z.int(), imported: z.int() }))
    .default([]),
  /** Other clusters of which no Services come, or not all. */
  remotes: z.array(causeSchema.extend({ rcc: z.string() })).default([]),
  /** Exports that other clusters tell, and that are not imported here. */
  notImported: z
    .array(causeSchema.extend({ cluster: z.string(), namespace: z.string(), name: z.string() }))
    .default([]),
  exports: z.array(exportSchema).default([]),
  /** Services, EndpointSlices and exports of this cluster that other clusters do not get. */
  unpublished: z.array(causeSchema.extend({ object: z.string() })).default([]),
});

export type ServicesAnswer = z.output<typeof servicesSchema>;
