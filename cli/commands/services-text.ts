/**
 * What a relay says of Services, for people: a table of Services and sources, and below it in words
 * each cause for which something is missing. Pure. [SVC40] [SVC41]
 */
import type {
  ExportedReport,
  ServiceReport,
  ServicesAnswer,
  ToldCondition,
} from "../../shared/api/services.ts";
import { renderList, renderOne } from "./output.ts";
import type { Output } from "./output.ts";

/** Withheld endpoints of one cluster that are named where no Service is asked for. */
const MOST_WITHHELD = 5;

export interface ServicesShown {
  /** `namespace/name`; absent: all. */
  readonly only?: string | undefined;
  readonly output?: Output | undefined;
}

/** The part of an answer that is about one Service. */
export function narrowed(answer: ServicesAnswer, only: string | undefined): ServicesAnswer {
  if (only === undefined) return answer;
  const isOf = ({ namespace, name }: { namespace: string; name: string }): boolean =>
    `${namespace}/${name}` === only;
  return {
    ...answer,
    items: answer.items.filter(isOf),
    notImported: answer.notImported.filter(isOf),
    exports: answer.exports.filter(isOf),
    unpublished: answer.unpublished.filter(({ object }) => object.split(" ").includes(only)),
  };
}

/** @returns Text with a final newline. */
export function renderServices(whole: ServicesAnswer, { only, output }: ServicesShown): string {
  const answer = narrowed(whole, only);
  const { items, exports } = answer;
  if (output === "json" || output === "yaml") return renderOne(answer, "", output);
  const rows = [...items.flatMap(rowsOf), ...exports.map(exportRow)];
  const table = renderList(
    rows,
    {
      columns: [
        { title: "SERVICE", of: (row) => row.service },
        { title: "FROM", of: (row) => row.cluster },
        { title: "MATCHED", of: (row) => row.matched },
        { title: "PORTS", of: (row) => row.ports },
        { title: "READY", of: (row) => row.ready },
        { title: "NOT READY", of: (row) => row.notReady },
        { title: "WITHHELD", of: (row) => row.withheld },
        { title: "LAG", of: (row) => row.lag },
        { title: "STATE", of: (row) => row.state },
      ],
      name: (row) => row.service,
      empty: "no Service here asks to be filled (federation.tigera.io/serviceSelector)",
    },
    output,
  );
  if (output === "name") return table;
  const slices = only === undefined ? [] : items.flatMap((item) => item.slices.flatMap(sliceLines));
  return [...causeLines(answer, only !== undefined), ...slices].reduce(
    (text, line) => `${text}${line}\n`,
    table,
  );
}

interface Row {
  readonly service: string;
  readonly cluster: string;
  readonly matched: string;
  readonly ports: string;
  readonly ready: string;
  readonly notReady: string;
  readonly withheld: string;
  readonly lag: string;
  readonly state: string;
}

const NO_SOURCE = {
  cluster: "-",
  matched: "-",
  ports: "-",
  ready: "-",
  notReady: "-",
  withheld: "-",
  lag: "-",
};

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

function rowsOf(item: ServiceReport): readonly Row[] {
  const own = {
    service: `${keyOf(item)}${item.imported === true ? " (import)" : ""}`,
    state: item.state,
  };
  if (item.clusters.length === 0) return [{ ...NO_SOURCE, ...own }];
  return item.clusters.map((from) => ({
    ...own,
    cluster: from.lost ? `${from.cluster} (lost)` : from.cluster,
    matched: from.services.join(",") || "-",
    ports: from.unmatchedPorts.length === 0 ? "ok" : `not: ${from.unmatchedPorts.join(" ")}`,
    ready: `${from.ready}`,
    notReady: `${from.notReady}`,
    withheld: `${from.withheld.length}`,
    lag: from.lagMs === null ? "-" : `${Math.round(from.lagMs)} ms`,
  }));
}

function exportRow(exported: ExportedReport): Row {
  const [bad] = badOf(exported.conditions);
  const state = exported.conditions.length === 0 ? "Waiting" : "Exported";
  return {
    ...NO_SOURCE,
    service: `${keyOf(exported)} (export)`,
    state: bad === undefined ? state : stateOf(bad),
  };
}

/** `Conflict`, or why it is not valid or not ready. */
function stateOf({ type, reason }: ToldCondition): string {
  return type === "Conflict" ? type : reason;
}

/** Conditions that say that something is wrong, the first of which counts. */
function badOf(conditions: readonly ToldCondition[]): readonly ToldCondition[] {
  const isBad = ({ type, status }: ToldCondition): boolean =>
    type === "Conflict" ? status === "True" : status === "False";
  const order = ["Valid", "Ready", "Conflict"];
  return conditions.filter(isBad).toSorted((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
}

function causeLines(answer: ServicesAnswer, isWhole: boolean): readonly string[] {
  const { items, exports, remotes, notImported, unpublished, unread, overBound } = answer;
  return [
    ...unread.map(({ name, reason }) => `the relay cannot read ${name}: ${reason}`),
    ...remotes.map(({ rcc, reason, message }) => `${rcc}: ${reason}: ${message}`),
    ...items.flatMap((item) => itemLines(item, isWhole)),
    ...exports.flatMap((one) =>
      badOf(one.conditions).map(
        ({ type, reason, message }) => `${keyOf(one)} (export): ${type}: ${reason}: ${message}`,
      ),
    ),
    ...notImported.map((one) => `${keyOf(one)}: ${one.reason}: ${one.message}`),
    ...overBound.map(
      ({ rcc, exported, imported }) =>
        `${rcc} exports ${exported} Services that could be imported: the oldest ${imported} are`,
    ),
    ...unpublished.map(({ object, reason, message }) => `${object}: ${reason}: ${message}`),
  ];
}

function itemLines(item: ServiceReport, isWhole: boolean): readonly string[] {
  const key = keyOf(item);
  const isTold = badOf(item.conditions).some(({ message }) => message === item.message);
  return [
    ...(item.message === "" || isTold ? [] : [`${key}: ${item.state}: ${item.message}`]),
    ...badOf(item.conditions).map(({ reason, message }) => `${key}: ${reason}: ${message}`),
    ...item.clusters.flatMap((from) => [
      ...from.causes.map(({ reason, message }) => `${key}: ${reason}: ${message}`),
      ...withheldLines(key, from, isWhole),
    ]),
  ];
}

function withheldLines(
  key: string,
  { cluster, withheld }: ServiceReport["clusters"][number],
  isWhole: boolean,
): readonly string[] {
  const shown = isWhole ? withheld : withheld.slice(0, MOST_WITHHELD);
  const left = withheld.length - shown.length;
  return [
    ...shown.map(
      ({ service, ip, reason }) => `withheld of ${cluster}: ${service} ${ip}: ${reason}`,
    ),
    ...(left === 0 ? [] : [`and ${left} more of ${cluster}: \`catwalk services ${key}\``]),
  ];
}

function sliceLines(slice: ServiceReport["slices"][number]): readonly string[] {
  const { metadata, endpoints } = slice;
  const name = textOf(metadata, "name");
  if (!Array.isArray(endpoints)) return [];
  return [
    `slice ${name}`,
    ...endpoints.map((endpoint: unknown) => {
      const conditions = fieldOf(endpoint, "conditions");
      const isReady = fieldOf(conditions, "ready") === true;
      const addresses = fieldOf(endpoint, "addresses");
      const address: unknown = Array.isArray(addresses) ? addresses[0] : "";
      const target = textOf(fieldOf(endpoint, "targetRef"), "name");
      return `  ${String(address).padEnd(16)} ${isReady ? "ready    " : "not ready"} ${target}`;
    }),
  ];
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([name]) => name === field)?.[1]
    : undefined;
}

function textOf(value: unknown, field: string): string {
  const text = fieldOf(value, field);
  return typeof text === "string" ? text : "";
}
