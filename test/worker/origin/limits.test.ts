/**
 * The budgets of the hub's Origins against SPEC.md: its table of limits, and the rules they name.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { MAX_FRAME_CHANGES, MAX_INFLATED_BYTES } from "../../../shared/log/payload.ts";
import { MAX_PAYLOAD_BYTES } from "../../../shared/log/payload.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import { MAX_NAME } from "../../../shared/lib/names.ts";
import { MAX_RECORD_BYTES } from "../../../shared/record/encoding.ts";
import { MESH_LIMITS } from "../../../worker/mesh/registry.ts";
import { MAX_REFUSED } from "../../../shared/visibility/own-ranges.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SPEC = readFileSync(join(ROOT, "SPEC.md"), "utf8");
const SOURCE = readFileSync(join(ROOT, "worker/origin/budgets/limits.ts"), "utf8");

const count = (n: number): string => n.toLocaleString("en-US");
const mb = (bytes: number): string => `${bytes / 1e6} MB`;
const kib = (bytes: number): string => `${count(bytes / 1024)} KiB`;
const mib = (bytes: number): string => `${count(bytes / 1024 ** 2)} MiB`;
const seconds = (ms: number): string => `${ms / 1_000} s`;

/** Rows of the table that the hub's limits decide, by their first cell. */
const ROWS: Readonly<Record<string, string>> = {
  name: `${MAX_NAME} characters`,
  "message; payload deflated, inflated": `${mb(LIMITS.messageBytes)}; ${mb(MAX_PAYLOAD_BYTES)}, ${mib(MAX_INFLATED_BYTES)}`,
  "changes a payload; leaf digests a message": `${count(MAX_FRAME_CHANGES)}; ${count(LIMITS.partitions)}`,
  record: kib(MAX_RECORD_BYTES),
  hello: seconds(LIMITS.helloMs),
  "in flight to one reader; of all readers; nothing more at": `${kib(LIMITS.readerFloorBytes)}; ${mib(LIMITS.inFlightBytes)}; ${mib(LIMITS.inFlightCapBytes)}`,
  "in flight to one member; to all; whatever the others do": `${mib(LIMITS.memberBytes)}; ${mib(LIMITS.processBytes)}; ${mib(LIMITS.memberFloorBytes)}`,
  "a reader that acknowledges nothing while others wait": seconds(BUDGETS.stalledMs),
  "frames, or bytes and changes, a commit": `${BUDGETS.commitFrames}, or ${kib(BUDGETS.commitBytes)} and ${BUDGETS.commitChanges}`,
  "the same beside other publishers": `${kib(BUDGETS.sharedCommitBytes)} and ${BUDGETS.sharedCommitChanges}`,
  "bytes of records, and leaves hashed, an event": `${kib(BUDGETS.eventBytes)}, ${BUDGETS.eventDigestLeaves}`,
  "pace on a disk of one's own; on Cloudflare": `${BUDGETS.shortestPaceMs} ms; 1 s`,
  "frames kept a channel": count(BUDGETS.ringFrames),
  "a `catch-up`": kib(BUDGETS.catchUpBytes),
  "leaves for a digest with its commit; over time": `${BUDGETS.digestLeavesAtOnce}; ${BUDGETS.digestLeavesPerSecond}/s`,
  "changes of an origin over time; at once": `${count(BUDGETS.changesPerSecond)}/s; ${count(BUDGETS.burstChanges)}`,
  "bytes, and frames, of an origin that wait": `${mib(BUDGETS.waitingBytes)}, ${count(BUDGETS.waitingFrames)}`,
  "keys a channel; refused ones": `${count(BUDGETS.channelKeys)}; ${count(BUDGETS.quarantinedRecords)}`,
  "bytes a channel, stored; refused ones": `${mib(BUDGETS.admittedBytes)}; ${mib(BUDGETS.refusedBytes)}`,
  "messages of a cluster over time; at once": `${count(BUDGETS.messagesPerSecond)}/s; ${count(BUDGETS.burstMessages)}`,
  "the thread for a member over time; at once; a broken message": `${BUDGETS.memberUsPerSecond / 1e4} %; ${BUDGETS.memberBurstUs / 1e3} ms; ${BUDGETS.brokenMessageUs / 1e3} ms`,
  "claims over time; at once; together": `${BUDGETS.claimsPerSecond}/s; ${BUDGETS.claimsAtOnce}; ${BUDGETS.questionClaims}`,
  "refused claims of a cluster": count(MAX_REFUSED),
  "edges that relays of a cluster report": count(BUDGETS.reportedEdges),
  "a socket that went still counts for; with those, times the bound": `${seconds(BUDGETS.goneMs)}; ${Math.round(6 * BUDGETS.withGoneShare)}/6`,
  "sockets a member, for each that is left; closed ones that stay": `${BUDGETS.socketsPerFreeSocket}; ${BUDGETS.halfClosedSockets} for ${seconds(BUDGETS.halfClosedMs)}`,
  "relays of a cluster": count(LIMITS.relaysOfCluster),
  "tokens of a cluster that are remembered": count(BUDGETS.usedTokens),
  "dials of a cluster over time; at once": `${BUDGETS.dialsPerSecond}/s; ${count(BUDGETS.dialsAtOnce)}`,
  "bytes of a cluster over time, and at once, before it dials after a 4429": `${mib(BUDGETS.memberBytesPerSecond)}/s; ${mib(BUDGETS.memberBytesAtOnce)}`,
  "warnings of an Origin in the log over time; at once": `${BUDGETS.warningsPerSecond * 60}/min; ${BUDGETS.warningsAtOnce}`,
  "life of a socket, and how much earlier it may end": `${BUDGETS.socketLifeMs / 3_600_000} h; ${BUDGETS.socketLifeJitterMs / 3_600_000} h`,
  "token of a relay; clock skew": `${seconds(LIMITS.tokenMs)}; ${seconds(LIMITS.clockSkewMs)}`,
  "scopes of an origin; records of its projections": `${MESH_LIMITS.scopesPerOrigin}; ${count(BUDGETS.projectionRecords)}`,
};

test("[NAM2] the hub's rows of the table of limits have the values of the code", () => {
  const table = SPEC.slice(SPEC.indexOf("## Limits"), SPEC.indexOf("## Names"));
  const rows = [...table.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \|$/gm)];
  const told = new Map(rows.map(([, what = "", value = ""]) => [what, value]));
  for (const [what, value] of Object.entries(ROWS)) expect(told.get(what), what).toBe(value);
});

/** Ends of names: what is counted. */
const UNITS =
  /(?:AtOnce|Blobs|Bytes|Changes|Chars|Claims|Deletes|Edges|Entries|Frames|Keys|Leaves|Messages|Ms|PerSecond|Pieces|PerFreeSocket|Reads|Records|Reports|Rows|Share|Sockets|Tokens|Us)$/;

test("[NAM2] each budget has a unit in its name, a sentence that says what it is for, and its rule", () => {
  const entries = [...SOURCE.matchAll(/\n {2}(\w+): (.+),/g)].map(([, name = "", value]) => ({
    name,
    value,
    comment:
      SOURCE.slice(0, SOURCE.indexOf(`\n  ${name}: `))
        .split("\n")
        .at(-1) ?? "",
  }));
  expect(entries.map(({ name }) => name)).toEqual(Object.keys(BUDGETS));
  const rules = new Set([...SPEC.matchAll(/^- (\[[A-Z0-9]+\])/gm)].map(([, rule]) => rule));
  for (const { name, comment } of entries) {
    expect(name).toMatch(UNITS);
    expect(comment, name).toMatch(/^ {2}\/\*\* \S.{10,}[.:].* \*\/$/);
    const named = [...comment.matchAll(/\[[A-Z0-9]+\]/g)].map(([rule]) => rule);
    expect(named.length, name).toBeGreaterThan(0);
    expect(
      named.filter((rule) => !rules.has(rule)),
      name,
    ).toEqual([]);
  }
});

test("[LOG4] a fold begins at five eighths of the ring, and at seven nothing more is taken in", () => {
  expect(BUDGETS.foldFrames).toBe((BUDGETS.ringFrames * 5) / 8);
  expect(BUDGETS.fullFrames).toBe((BUDGETS.ringFrames * 7) / 8);
});
