/** Findings of the doctor about the relay of a node. */
import { expect, test } from "vitest";

import { renderFindings } from "../../cli/commands/doctor.ts";
import { findingsOfRelay } from "../../cli/commands/doctor/of-relay.ts";
import { renderPair } from "../../cli/commands/preflight.ts";
import { relayStatusSchema } from "../../shared/api/relay.ts";
import { REQUIREMENTS } from "../../shared/overlay/checks.ts";
import { requirementWords } from "../../shared/overlay/requirement-words.ts";

const SOURCE = { state: "following", listed: true, records: 7, problems: [] };
const REMOTE = {
  rcc: "db",
  origin: { uid: "1", name: "db" },
  connectionStatus: 2,
  endpoints: 3,
  refused: 0,
};
const WELL = {
  version: "0.1.0",
  protocols: [5],
  cluster: "app",
  mesh: "demo",
  hub: "connected",
  hubAgeSeconds: 0,
  message: null,
  accessVersion: 3,
  source: SOURCE,
  publisher: { pending: 0 },
  remotes: [REMOTE],
  felix: ["node-1"],
};

const lines = (given: object): string[] =>
  renderFindings(findingsOfRelay(relayStatusSchema.parse({ ...WELL, ...given }), "0.1.0"))
    .trimEnd()
    .split("\n");

test("[CLI97] of a relay with which all is well nothing is found", () => {
  expect(lines({})).toEqual(["nothing is wrong that could be seen from here"]);
  // Of an older version, which says less.
  const { version: _, protocols: __, felix: ___, ...older } = WELL;
  expect(findingsOfRelay(relayStatusSchema.parse(older), "0.1.0")).toEqual([]);
});

test.each<[string, object, RegExp]>([
  ["another version", { version: "0.2.0" }, /^info {5}relay of app: its version is 0\.2\.0/],
  [
    "no membership",
    { hub: "not-joined", cluster: null, message: "the token has expired" },
    /^error {4}relay of no cluster yet: it has joined no mesh: the token.*catwalk cluster token$/,
  ],
  [
    "no connection",
    { hub: "down", hubAgeSeconds: 90, message: "ECONNREFUSED" },
    /^error {4}relay of app: it has no connection to the hub \(heard: 90 s ago\): ECONNREFUSED\./,
  ],
  ["a clock that is off", { clockSkewSeconds: 70 }, /^warning {2}.*70 s behind.*NTP/],
  ["a full disk", { diskProblem: "ENOSPC" }, /^error {4}.*ENOSPC.*make room/],
  ["publishing that stopped", { message: "the quota is used up" }, /^warning {2}.*quota.*log/],
  [
    "a source that fails",
    { source: { ...SOURCE, state: "failing", reason: "403" } },
    /^error {4}.*its source is failing: 403.*install --check/,
  ],
  ["a source that lists", { source: { ...SOURCE, listed: false } }, /^warning {2}.*not listed/],
  [
    "objects that cannot be published",
    { source: { ...SOURCE, problems: [{ object: "pod shop/a", message: "no address" }] } },
    /^warning {2}.*1 objects, as pod shop\/a: no address/,
  ],
  [
    "held withdrawals",
    { withdrawals: [{ collection: "pods", keys: 60, until: null }] },
    /^warning {2}.*60 withdrawals of pods back, until they are confirmed.*confirm or reject$/,
  ],
  [
    "an export policy that does not count",
    { exports: { summary: "all", problem: "no YAML", records: 1 } },
    /^error {4}.*no YAML/,
  ],
  [
    "custom resources",
    { resources: { isWriter: true, holder: "me", problems: ["no CRD"] } },
    /^warning {2}.*no CRD/,
  ],
  [
    "Services that nobody may write",
    { services: { isWriter: false, holder: "", problems: ["nobody writes: the Lease: 403"] } },
    /^warning {2}.*Services: nobody writes: the Lease: 403.*install --check/,
  ],
  [
    "NAT to a remote's pool",
    {
      pools: { exempt: [], withheld: [{ cidr: "10.2.0.0/16", reason: "the cluster has it too" }] },
    },
    /^info {5}.*10\.2\.0\.0\/16: the cluster has it too/,
  ],
  [
    "a remote that is behind",
    { remotes: [{ ...REMOTE, connectionStatus: 3 }] },
    /^warning {2}.*RCC db is ReSyncInProgress.*catwalk status --cluster db/,
  ],
  ["refused records", { remotes: [{ ...REMOTE, refused: 4 }] }, /^warning {2}.*refuses 4 records/],
  [
    "a remote that is too large",
    { remotes: [{ ...REMOTE, overLimit: "more than 600000 records" }] },
    /^error {4}.*more than 600000 records.*narrow/,
  ],
  [
    "a direct RCC that does not connect",
    {
      direct: {
        problem: null,
        refused: [],
        remotes: [
          {
            rcc: "far",
            where: "far.yaml",
            datastore: "kubernetes",
            conditions: [
              { type: "Connected", status: "False", reason: "Refused", message: "403", since: "x" },
            ],
            ranges: { pods: [], nodes: [] },
          },
        ],
      },
    },
    /^warning {2}.*RCC far is not Connected \(Refused\): 403/,
  ],
  [
    "a folder of RCCs that cannot be read",
    { direct: { problem: "ENOENT", refused: [], remotes: [] } },
    /^error {4}.*ENOENT/,
  ],
  ["no Felix", { felix: [] }, /^warning {2}.*no Felix is connected.*catwalk felix status/],
])("[CLI97] %s is one line with what to do", (_, given, line) => {
  const found = lines(given);
  expect(found).toEqual([expect.stringMatching(line)]);
  expect(found[0]).toMatch(/\. To do: \S/);
});

test("[CLI97] the worst comes first", () => {
  const found = lines({ felix: [], diskProblem: "ENOSPC", version: "0.2.0" });
  expect(found.map((line) => line.split(" ")[0])).toEqual(["error", "warning", "info"]);
});

test("[OVL9] each requirement says in words what it asks, one of a newer hub says nothing", () => {
  const requirements = [...REQUIREMENTS, "OfTomorrow"].map((code) => ({
    code,
    state: "met" as const,
    message: "",
    values: ["x", "y"],
  }));
  const clusters = ["a", "b"].map((name) => ({ uid: name, name }));
  const shown = renderPair(
    {
      clusters,
      ready: true,
      state: "Ready",
      phase: "commit",
      reason: "",
      stragglers: [],
      requirements,
    },
    undefined,
  );
  for (const code of REQUIREMENTS) {
    const words = requirementWords(code);
    expect(words).toMatch(/^\w.* /);
    expect(shown).toMatch(new RegExp(`^${code} +${words.slice(0, 20)}`, "m"));
  }
  expect(requirementWords("OfTomorrow")).toBe("");
});
