/**
 * `catwalk relay status`: what a relay says of itself: its hub, its source, what it publishes and
 * serves. [CLI44]
 */
import type { Command } from "commander";

import { CONNECTION_WORDS } from "../../shared/visibility/connection-words.ts";
import type { DirectRemoteView, RelayStatusView } from "../../shared/api/relay.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { withExample, withOutput } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags } from "./command.ts";
import { loadConfig } from "../admin/config.ts";
import { oneLine, renderOne, screenWidth, wrapWords } from "./output.ts";
import { UsageError } from "../admin/usage-error.ts";

/** Problems that are written out; `-o json` has them all. */
const SHOWN = 10;
interface Flags extends OutputFlags {
  readonly relay?: string;
  readonly cluster?: string;
}

export function registerRelayStatus(relay: Command): void {
  withExample(
    withOutput(
      relay.command("status").description("what a relay says of itself, of its source and remotes"),
    )
      .option("--relay <url>", "its HTTP address; default: those of .catwalk/config.yaml")
      .option("--cluster <name>", "only the relay of this cluster in .catwalk/config.yaml"),
    "catwalk relay status --relay http://127.0.0.1:9099",
  ).action(async (flags: Flags) => {
    const answers: RelayStatusView[] = [];
    for (const url of urlsOf(flags)) {
      answers.push(await readRelayStatus(url));
    }
    if (flags.output === undefined || flags.output === "wide")
      print(answers.map(renderStatus).join("\n"));
    else if (flags.output === "name") print(answers.map((one) => `${one.cluster}\n`).join(""));
    else print(renderOne(answers.length === 1 ? answers[0] : { items: answers }, "", flags.output));
  });
}

/** @throws UsageError where no relay is known. */
function urlsOf(flags: Flags): readonly string[] {
  if (flags.relay !== undefined) return [flags.relay];
  const { relays } = loadConfig({});
  if (flags.cluster !== undefined) {
    const url = relays[flags.cluster];
    if (url !== undefined) return [url];
    throw new UsageError(`no relay of ${flags.cluster} is known here: give --relay URL`);
  }
  if (Object.keys(relays).length === 0)
    throw new UsageError(
      "which relay? give --relay URL, or run inside a folder with .catwalk/config.yaml",
    );
  return Object.values(relays);
}

/** Lines `word  value`, at most as wide as the screen. */
export function renderStatus(status: RelayStatusView): string {
  const { source, publisher, remotes, direct } = status;
  const isAlone = direct !== null && status.cluster === null;
  const rows: (readonly [string, string])[] = [
    [
      "relay of",
      isAlone
        ? "a cluster without a hub"
        : `${status.cluster ?? "no cluster yet"} in mesh ${status.mesh ?? "-"}`,
    ],
    ["version", `${status.version ?? "?"}`],
    ...(isAlone ? [] : [["hub", hubWords(status)] as const]),
    ...optional("message", status.message),
    ...optional("disk", status.diskProblem),
    ...(status.clockSkewSeconds === 0
      ? []
      : [["clock", `${status.clockSkewSeconds} s behind the hub's, corrected`] as const]),
    ["source", `${source.listed ? "listed" : "not listed yet"}, ${source.records} records`],
    ["publisher", publisher === null ? "none" : `${publisher.pending} changes pending`],
    ...exportRows(status),
    ...resourceRows(status),
    ...remotes.map(
      (remote) =>
        [
          `sees ${remote.rcc}`,
          `${CONNECTION_WORDS[remote.connectionStatus] ?? "Unknown"}, ${remote.endpoints} endpoints, ${remote.refused} refused`,
        ] as const,
    ),
    ...directRows(direct),
    ...status.pools.exempt.map(
      ({ cidr, of }) => ["no NAT to", `${cidr}, for ${of.join(", ")}`] as const,
    ),
    ...status.pools.withheld.map(({ cidr, reason }) => ["NAT to", `${cidr}: ${reason}`] as const),
    ...source.problems
      .slice(0, SHOWN)
      .map(({ object, message }) => ["problem", `${object}: ${message}`] as const),
    ...(source.problems.length > SHOWN
      ? [["", `and ${source.problems.length - SHOWN} more problems (-o json)`] as const]
      : []),
  ];
  const width = Math.max(...rows.map(([word]) => word.length)) + 2;
  return rows
    .map(([word, value]) => {
      const lines = wrapWords(oneLine(value), Math.max(30, screenWidth() - width));
      return lines.map((line, i) => `${(i === 0 ? word : "").padEnd(width)}${line}\n`).join("");
    })
    .join("");
}

function hubWords({ hub, hubAgeSeconds, accessVersion }: RelayStatusView): string {
  const age = hubAgeSeconds === null ? "" : `, heard ${hubAgeSeconds} s ago`;
  return `${hub}${hub === "connected" ? "" : age}, access version ${accessVersion}`;
}

/** RCCs that the relay reads itself: what is well in one word, the rest with its reason. */
function directRows(direct: RelayStatusView["direct"]): (readonly [string, string])[] {
  if (direct === null) return [];
  return [
    ...optional("RCCs", direct.problem),
    ...direct.remotes.map((remote) => [`RCC ${remote.rcc}`, conditionWords(remote)] as const),
    ...direct.refused.map(({ where, message }) => ["refused", `${where}: ${message}`] as const),
    ...tellRows(direct.told),
  ];
}

/** Whom it tells of them. [DIR19] */
function tellRows(
  told: NonNullable<RelayStatusView["direct"]>["told"],
): (readonly [string, string])[] {
  if (told === null) return [];
  const standby = told.isTeller ? "" : "another relay of the cluster tells; ";
  return told.webhooks.map(({ name, host, waiting, problem, isDisabled }) => {
    const words = isDisabled ? "told nothing more" : `${waiting} events wait`;
    const trouble = problem === null ? "" : `: ${problem}`;
    return [`tells ${name}`, `${standby}${host}, ${words}${trouble}`] as const;
  });
}

export function conditionWords({ conditions }: Pick<DirectRemoteView, "conditions">): string {
  const well = conditions.filter(({ status }) => status === "True").map(({ type }) => type);
  const others = conditions
    .filter(({ status }) => status !== "True")
    .map(({ type, status, reason, message }) =>
      [`${type} is ${status} (${reason})`, ...(message === "" ? [] : [message])].join(": "),
    );
  return [...(well.length === 0 ? [] : [well.join(", ")]), ...others].join("; ");
}

/** The owner's veto. [EXP4] */
function exportRows({ exports }: RelayStatusView): (readonly [string, string])[] {
  if (exports === null) return [];
  return [
    ["keeps back", `${exports.summary}; ${exports.records} records leave`],
    ...optional("", exports.problem),
  ];
}

/** Who writes custom resources, and what is wrong with them. [CRD9] */
function resourceRows({ resources }: RelayStatusView): (readonly [string, string])[] {
  if (resources === null) return [];
  const { isWriter, holder, problems } = resources;
  const other = holder === "" ? "nobody writes them" : `${holder} writes them`;
  return [
    ["custom resources", isWriter ? "this relay writes them" : other],
    ...problems.map((problem) => ["", problem] as const),
  ];
}

function optional(word: string, value: string | null): (readonly [string, string])[] {
  return value === null ? [] : [[word, value]];
}
