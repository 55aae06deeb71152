/** What `catwalk services` shows of the federated Services of this cluster. [SVC40] */
import type { ServiceReport } from "../../shared/api/services.ts";
import type { Filling, Services } from "./services.ts";
import type { Selection } from "./select-endpoints.ts";
import type { ImportWriter } from "./mcs/import-writer.ts";
import type { SliceWriter } from "./slice-writer.ts";

export interface DescribeInput {
  readonly services: Services;
  /** `null`: this relay writes nothing. */
  readonly writer: SliceWriter | null;
  /** With the writer. */
  readonly imports: Pick<ImportWriter, "problem"> | null;
  /** Records of remotes that are not served, by key, and why. */
  readonly refusals: readonly {
    readonly rcc: string;
    readonly key: string;
    readonly reason: string;
  }[];
}

export function describeServices(input: DescribeInput): ServiceReport[] {
  return input.services
    .keys()
    .toSorted()
    .map((key) => describe(key, input));
}

function describe(
  key: string,
  { services, writer, imports, refusals }: DescribeInput,
): ServiceReport {
  const filling = services.filling(key, []);
  const [namespace = "", name = ""] = key.split("/");
  const imported = services.imports.nameOf(key);
  const own = {
    ...(imported === null ? { namespace, name } : { ...imported, imported: true }),
    slices: slicesOf(filling),
  };
  if (filling.kind === "refused") {
    const { reason, message } = filling.read;
    return { ...own, state: reason, message, clusters: [] };
  }
  const problem =
    imported === null ? null : (imports?.problem(`${imported.namespace}/${imported.name}`) ?? null);
  const state =
    problem === null
      ? stateOf(writer, writer?.condition(key) ?? null)
      : { state: "NotImported", message: problem };
  const selections = filling.kind === "filled" ? filling.selections : [];
  const clusters = selections.map((one) => clusterOf(key, one, writer, refusals));
  return { ...own, ...state, clusters };
}

function stateOf(
  writer: SliceWriter | null,
  condition: ReturnType<SliceWriter["condition"]>,
): Pick<ServiceReport, "state" | "message"> {
  if (writer === null) return { state: "Shown", message: "this relay writes no slices" };
  if (condition?.kind === "foreign")
    return { state: "ForeignEndpoints", message: condition.message };
  if (condition?.kind === "failing") return { state: "Failing", message: condition.message };
  return writer.isWriter
    ? { state: "Written", message: "" }
    : { state: "Standby", message: `${writer.holder || "nobody"} writes the slices` };
}

function clusterOf(
  key: string,
  { cluster, services, endpoints, unmatchedPorts }: Selection,
  writer: SliceWriter | null,
  refusals: DescribeInput["refusals"],
): ServiceReport["clusters"][number] {
  const [namespace = ""] = key.split("/");
  const ready = endpoints.filter((endpoint) => endpoint.ready).length;
  return {
    cluster: cluster.name,
    rcc: cluster.rcc,
    services: [...services],
    unmatchedPorts: services.length === 0 ? [] : [...unmatchedPorts],
    ready,
    notReady: endpoints.length - ready,
    withheld: refusals.flatMap(({ rcc, key: path, reason }) => {
      const [, , , kind, of, service = "", ip = ""] = path.split("/");
      const isOurs = rcc === cluster.rcc && kind === "endpoint" && of === namespace;
      return isOurs && services.includes(service) ? [{ service, ip, reason }] : [];
    }),
    lost: cluster.lostMs !== null,
    lagMs: writer?.lagMs(key, cluster.name) ?? null,
  };
}

function slicesOf(filling: Filling): ServiceReport["slices"] {
  if (filling.kind !== "filled") return [];
  return filling.slices.map(({ object }) => ({ ...object }));
}
