/** `catwalk services`: what fills the federated Services of a cluster. [SVC40] */
import { servicesSchema } from "../../shared/api/services.ts";
import type { ServiceReport } from "../../shared/api/services.ts";
import { loadConfig } from "../admin/config.ts";
import { readRelayJson } from "../admin/relay-client.ts";
import { print, say } from "../admin/terminal.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";
import { withExample, withOutput } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderList } from "./output.ts";

interface Flags extends OutputFlags {
  readonly relay?: string;
  readonly cluster?: string;
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

export const registerServices: RegisterCommand = (program) => {
  withExample(
    withOutput(
      program
        .command("services")
        .description("what fills the federated Services of a cluster, by source cluster")
        .argument("[namespace/name]", "only this one, with its slices"),
    )
      .option("--relay <url>", "the relay's HTTP address; default: of .catwalk/config.yaml")
      .option("--cluster <name>", "the cluster's relay in .catwalk/config.yaml"),
    "catwalk services --cluster app shop/db",
  ).action(async (only: string | undefined, flags: Flags) => {
    const answer = await readRelayJson(relayUrl(flags), "/services", servicesSchema);
    const { items, unread, overBound } = answer;
    for (const { name, reason } of unread) say(`the relay cannot read ${name}: ${reason}`);
    for (const { rcc, exported, imported } of overBound)
      say(`${rcc} exports ${exported} Services that could be imported: the oldest ${imported} are`);
    const shown = items.filter(({ namespace, name }) => isOnly(only, `${namespace}/${name}`));
    if (only !== undefined && shown.length === 0)
      throw new CommandError(`${only} is not a Service there that others may fill`);
    print(
      flags.output === "json" || flags.output === "yaml"
        ? renderList(shown, { columns: [], name: keyOf, empty: "" }, flags.output)
        : `${table(shown, flags)}${only === undefined ? "" : shown.map(details).join("")}`,
    );
  });
};

function isOnly(only: string | undefined, key: string): boolean {
  return only === undefined || only === key;
}

/** @throws UsageError where no relay is known. */
function relayUrl({ relay, cluster }: Flags): string {
  if (relay !== undefined) return relay;
  const { relays } = loadConfig({});
  const names = Object.keys(relays);
  const name = cluster ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) throw new UsageError("which relay? give --cluster NAME, or --relay URL");
  const url = relays[name];
  if (url !== undefined) return url;
  throw new UsageError(`no relay of ${name} is known here: give --relay URL`);
}

function table(items: readonly ServiceReport[], { output }: OutputFlags): string {
  return renderList(
    items.flatMap(rowsOf),
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
}

function keyOf({ namespace, name }: ServiceReport): string {
  return `${namespace}/${name}`;
}

function rowsOf(item: ServiceReport): readonly Row[] {
  const own = {
    service: `${keyOf(item)}${item.imported === true ? " (import)" : ""}`,
    state: item.state,
  };
  if (item.clusters.length === 0)
    return [
      {
        ...own,
        cluster: "-",
        matched: "-",
        ports: "-",
        ready: "-",
        notReady: "-",
        withheld: "-",
        lag: "-",
      },
    ];
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

/** The causes, and the endpoints. */
function details(item: ServiceReport): string {
  const lines: string[] = [];
  if (item.message !== "") lines.push(`${item.state}: ${item.message}`);
  for (const { cluster, withheld } of item.clusters)
    for (const { service, ip, reason } of withheld)
      lines.push(`withheld of ${cluster}: ${service} ${ip}: ${reason}`);
  for (const slice of item.slices) lines.push(...sliceLines(slice));
  return lines.map((line) => `${line}\n`).join("");
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
