/** What `catwalk services` shows of the federated Services of this cluster. [SVC40] [SVC41] */
import type { ServiceReport, ToldCondition } from "../../shared/api/services.ts";
import { unescapeSegment } from "../../shared/record/key.ts";
import { causesOf } from "./causes.ts";
import type { ImportWriter } from "./mcs/import-writer.ts";
import type { Selection } from "./select-endpoints.ts";
import type { Filling, Services } from "./services.ts";
import type { SliceWriter } from "./slice-writer.ts";

type State = Pick<ServiceReport, "state" | "message">;

export interface DescribeInput {
  readonly services: Services;
  /** `null`: this relay writes nothing. */
  readonly writer: Pick<
    SliceWriter,
    "condition" | "holder" | "isWriter" | "lagMs" | "leaseProblem" | "waitsFor"
  > | null;
  /** With the writer. */
  readonly imports: Pick<ImportWriter, "conditions" | "problem"> | null;
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

function describe(key: string, input: DescribeInput): ServiceReport {
  const { services, imports } = input;
  const filling = services.filling(key, []);
  const [namespace = "", name = ""] = key.split("/");
  const imported = services.imports.nameOf(key);
  const id = imported === null ? "" : `${imported.namespace}/${imported.name}`;
  const conditions = imported === null ? [] : (imports?.conditions(id) ?? []);
  const own = {
    ...(imported === null ? { namespace, name } : { ...imported, imported: true }),
    slices: slicesOf(filling),
    conditions: [...conditions],
  };
  if (filling.kind === "refused") {
    const { reason, message } = filling.read;
    return { ...own, state: reason, message, clusters: [] };
  }
  const problem = imported === null ? null : (imports?.problem(id) ?? null);
  const state =
    problem === null
      ? (notReady(conditions) ?? stateOf(key, filling, input))
      : { state: "NotImported", message: problem };
  const { affinity = "none" } = filling.kind === "filled" ? filling.read.service : {};
  const selections = filling.kind === "filled" ? filling.selections : [];
  const clusters = selections.map((one) => clusterOf(key, one, affinity, input));
  return { ...own, ...state, clusters };
}

/** What a ServiceImport says of itself comes before what is written for it. */
function notReady(conditions: readonly ToldCondition[]): State | null {
  const bad = conditions.find(({ type, status }) => type === "Ready" && status === "False");
  return bad === undefined ? null : { state: bad.reason, message: bad.message };
}

function stateOf(key: string, filling: Filling, { writer }: DescribeInput): State {
  if (writer === null) return { state: "Shown", message: "this relay writes no slices" };
  const condition = writer.condition(key);
  if (condition?.kind === "foreign")
    return { state: "ForeignEndpoints", message: condition.message };
  if (condition?.kind === "failing") return { state: "Failing", message: condition.message };
  if (!writer.isWriter)
    return {
      state: "Standby",
      message: writer.leaseProblem || `${writer.holder || "nobody"} writes the slices`,
    };
  if (writer.waitsFor !== "") return { state: "Waiting", message: writer.waitsFor };
  if (filling.kind === "waiting")
    return { state: "Waiting", message: "the Service that it is routed by is not there yet" };
  return condition === null
    ? { state: "Waiting", message: "its turn to be written has not come yet" }
    : { state: "Written", message: "" };
}

function clusterOf(
  key: string,
  selection: Selection,
  affinity: string,
  { services: all, writer, refusals }: DescribeInput,
): ServiceReport["clusters"][number] {
  const { cluster, services, endpoints, unmatchedPorts } = selection;
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
      const [, , , kind, of, service = "", ip = ""] = path.split("/").map(unescapeSegment);
      const isOurs = rcc === cluster.rcc && kind === "endpoint" && of === namespace;
      return isOurs && services.includes(service) ? [{ service, ip, reason }] : [];
    }),
    lost: cluster.lostMs !== null,
    lagMs: writer?.lagMs(key, cluster.name) ?? null,
    causes: [...causesOf(selection, affinity, all.isIncomplete(cluster.name))],
  };
}

function slicesOf(filling: Filling): ServiceReport["slices"] {
  if (filling.kind !== "filled") return [];
  return filling.slices.map(({ object }) => ({ ...object }));
}
