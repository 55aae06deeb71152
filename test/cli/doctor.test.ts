/** Findings of the doctor: what is wrong, and what to do, one line each. */
import { expect, test } from "vitest";

import { renderFindings } from "../../cli/commands/doctor.ts";
import { findingsAbout, findingsOf } from "../../cli/commands/doctor/findings.ts";
import type { DoctorInput } from "../../cli/commands/doctor/findings.ts";
import { clusterSchema } from "../../shared/api/clusters.ts";
import { statusSchema } from "../../shared/api/status.ts";

const AT = "2026-11-30T08:00:00.000Z";
const ref = (name: string) => ({ uid: `uid-${name}`, name });

function clusterStatus(name: string, given: object = {}): object {
  return {
    cluster: ref(name),
    joined: true,
    publisher: "connected",
    ageMs: 0,
    quarantined: 0,
    factsAcknowledged: true,
    refusedClaims: 0,
    channels: [],
    ...given,
  };
}

function edge(given: object = {}): object {
  return {
    cluster: ref("app"),
    rcc: "db",
    origin: ref("db"),
    state: "granted",
    connection: "InSync",
    connectionStatus: 2,
    endpoints: 3,
    refused: 0,
    revision: 7,
    digest: null,
    ageMs: 0,
    ...given,
  };
}

function statusOf(given: {
  clusters?: object[];
  edges?: object[];
  mesh?: object;
  notServed?: object[];
}) {
  return statusSchema.parse({
    mesh: { name: "prod", id: "1", accessVersion: 3, ...given.mesh },
    at: AT,
    clusters: given.clusters ?? [clusterStatus("app"), clusterStatus("db")],
    edges: given.edges ?? [edge()],
    notServed: given.notServed ?? [],
  });
}

function input(given: Partial<DoctorInput> = {}): DoctorInput {
  const spoken = { version: "0.1.0", protocols: [5, 4] };
  return {
    cli: spoken,
    hub: spoken,
    clock: { offsetMs: 20, errorMs: 30 },
    status: statusOf({}),
    clusters: [],
    grants: [],
    tokens: [],
    webhooks: [],
    ...given,
  };
}

const lines = (given: Partial<DoctorInput>): string[] =>
  renderFindings(findingsOf(input(given)))
    .trimEnd()
    .split("\n");

test("[CLI92] of a mesh in which all is well nothing is found", () => {
  expect(findingsOf(input())).toEqual([]);
  expect(lines({})).toEqual(["nothing is wrong that could be seen from here"]);
});

const token = {
  id: "tok_0123456789abcdef",
  name: "ci",
  role: "viewer",
  cluster: null,
  createdAt: "2026-11-01T00:00:00Z",
  expiresAt: "2027-11-01T00:00:00Z",
  lastUsedAt: AT,
} as const;
const webhook = {
  id: "wh_0123456789abcdef",
  url: "https://ops.example",
  events: [] as string[],
  format: "standard" as const,
  createdAt: AT,
  secrets: 1,
  publicKeys: [] as string[],
  waiting: 0,
  failingSince: null,
  disabled: null,
};
const clusterWith = (given: object) => statusOf({ clusters: [clusterStatus("db", given)] });
const edgeWith = (given: object) => statusOf({ edges: [edge(given)] });

test.each<[string, Partial<DoctorInput>, RegExp]>([
  [
    "versions without a common protocol",
    { hub: { version: "9.0.0", protocols: [9] } },
    /^error {4}hub: this program has no common protocol with 9\.0\.0\. To do: install/,
  ],
  [
    "another version",
    { hub: { version: "0.2.0", protocols: [5] } },
    /^info {5}hub: this program's version differs from 0\.2\.0/,
  ],
  [
    "a clock that is off",
    { clock: { offsetMs: -9_000, errorMs: 40 } },
    /^warning {2}hub: its clock is -9\.0 s ahead of this machine's \(± 0\.0 s\)\. To do: set/,
  ],
  [
    "a clock that is far off",
    { clock: { offsetMs: 90_000, errorMs: 40 } },
    /^error {4}hub: its clock is 90\.0 s/,
  ],
  [
    "an unconfirmed restore",
    { status: statusOf({ mesh: { unconfirmedRestore: AT } }) },
    /^warning {2}hub: it was restored at .*confirm-restore$/,
  ],
  [
    "a cluster that never joined",
    { status: clusterWith({ joined: false, publisher: "absent" }) },
    /^warning {2}cluster db: no relay has ever joined\. .*catwalk cluster token db$/,
  ],
  [
    "a cluster without a relay",
    { status: clusterWith({ publisher: "absent", ageMs: 300_000 }) },
    /^error {4}cluster db: no relay is connected, last heard 5m ago\./,
  ],
  [
    "an Origin that does not answer",
    { status: clusterWith({ publisher: "unknown", error: "disk full" }) },
    /^error {4}cluster db: its part of the hub does not answer: disk full\./,
  ],
  [
    "a source that fails",
    { status: clusterWith({ source: { state: "failing", reason: "403", since: AT } }) },
    /^error {4}cluster db: its relay does not follow it \(failing\): 403\./,
  ],
  [
    "a loss",
    {
      status: clusterWith({
        health: { state: "lost", since: AT, held: 0, reasons: [{ code: "x", message: "silent" }] },
      }),
    },
    /^error {4}cluster db: lost since .*: silent\./,
  ],
  [
    "held withdrawals",
    { status: clusterWith({ health: { state: "ok", since: AT, held: 60, reasons: [] } }) },
    /^warning {2}cluster db: its relay holds 60 withdrawals back/,
  ],
  ["a suspension", { status: clusterWith({ suspended: true }) }, /catwalk cluster resume db$/],
  [
    "quarantine",
    { status: clusterWith({ quarantined: 4 }) },
    /^warning {2}cluster db: in quarantine, and seen by nobody: 4 of its records.*catwalk quarantine list/,
  ],
  [
    "two relays with one identity",
    { status: clusterWith({ takenOver: { by: "b", from: "a", at: AT } }) },
    /relay b took over from a/,
  ],
  ["facts that did not arrive", { status: clusterWith({ factsAcknowledged: false }) }, /facts/],
  [
    "overlapping ranges",
    {
      clusters: [
        clusterSchema.parse({
          uid: "1",
          name: "db",
          createdAt: AT,
          joined: true,
          keyGeneration: 1,
          ranges: { pods: [], nodes: [] },
          rangesGivenByOperator: [],
          refusedClaims: [{ cidr: "10.0.0.0/16", use: "pods", reason: "overlaps app's" }],
        }),
      ],
    },
    /^warning {2}cluster db: range 10\.0\.0\.0\/16 \(pods\) is refused: overlaps app's\./,
  ],
  [
    "an RCC without a grant",
    { status: edgeWith({ state: "not-granted", connection: "NotGranted" }) },
    /^warning {2}RCC app\/db: db has no grant .*catwalk grant create --cluster db --to app$/,
  ],
  [
    "a grant without an RCC",
    {
      grants: [
        {
          origin: ref("db"),
          reader: ref("app"),
          createdAt: AT,
          used: false,
          managedBy: "api",
          vetoed: false,
          conditions: [],
        },
      ],
    },
    /^info {5}grant db\/app: app has no RCC that names db\./,
  ],
  [
    "a view that lags",
    {
      status: statusOf({
        clusters: [
          clusterStatus("db", {
            channels: [
              {
                channel: "identity",
                epoch: "e",
                head: 9,
                populated: true,
                received: 1,
                admitted: 1,
                digest: "",
              },
            ],
          }),
        ],
        edges: [edge({ connection: "ReSyncInProgress", connectionStatus: 3 })],
      }),
    },
    /^warning {2}RCC app\/db: is ReSyncInProgress: its view is at revision 7, the origin at 9\./,
  ],
  [
    "relays that lag",
    { status: edgeWith({ relays: { count: 3, lowestRevision: 2, lagging: 1, names: ["n-7"] } }) },
    /^warning {2}RCC app\/db: 1 of 3 relays lag, the last at revision 2: n-7\./,
  ],
  ["refused records", { status: edgeWith({ refused: 2 }) }, /the relay of app refuses 2 records/],
  ["conflicts", { status: edgeWith({ conflicts: 2 }) }, /2 addresses in shared ranges/],
  [
    "a one-sided overlay",
    {
      status: edgeWith({
        overlay: {
          state: "NotReady",
          reason: "db has no RCC that names app",
          phase: "none",
          stragglers: [],
          vteps: null,
          routes: null,
          withheld: null,
        },
      }),
    },
    /no routes: db has no RCC that names app\. To do: catwalk preflight --cluster app --to db$/,
  ],
  [
    "what is not served",
    {
      status: statusOf({
        notServed: [
          {
            cluster: ref("app"),
            rcc: "x",
            field: "spec.etcdEndpoints",
            rule: "r",
            isServed: false,
          },
        ],
      }),
    },
    /^info {5}RCC app\/x: spec\.etcdEndpoints is not served\. To do: r$/,
  ],
  ["an expired token", { tokens: [{ ...token, expiresAt: AT }] }, /token ci .*: expired at/],
  [
    "a token that ends soon",
    { tokens: [{ ...token, expiresAt: "2026-12-02T00:00:00Z" }] },
    /^warning {2}token ci .*: expires at/,
  ],
  ["a token that nobody uses", { tokens: [{ ...token, lastUsedAt: null }] }, /was never used/],
  [
    "a disabled webhook",
    { webhooks: [{ ...webhook, disabled: { at: AT, reason: "410" } }] },
    /^error {4}webhook wh_0123456789abcdef: is disabled since .*: 410\./,
  ],
  [
    "a failing webhook",
    { webhooks: [{ ...webhook, failingSince: AT }] },
    /its receiver fails since .*catwalk webhook deliveries wh_0123456789abcdef/,
  ],
  ["what the token may not ask", { tokens: null }, /^info {5}tokens: are not looked at\./],
])("[CLI92] %s", (_, given, line) => {
  const found = lines(given);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(line);
  expect(found[0]).toMatch(/\. To do: \S/);
});

test("[CLI92] errors come first, and only what is about a cluster, or the hub, with --cluster", () => {
  const all = findingsOf(
    input({
      clock: { offsetMs: 9_000, errorMs: 1 },
      status: statusOf({
        clusters: [
          clusterStatus("app", { quarantined: 1 }),
          clusterStatus("db", { publisher: "absent" }),
        ],
        edges: [],
      }),
      grants: [
        {
          origin: ref("db"),
          reader: ref("web"),
          createdAt: AT,
          used: false,
          managedBy: "api",
          vetoed: false,
          conditions: [],
        },
      ],
    }),
  );
  expect(all.map(({ level }) => level)).toEqual(["error", "warning", "warning", "info"]);
  expect(findingsAbout(all, "app").map(({ subject }) => subject)).toEqual(["hub", "cluster app"]);
  expect(findingsAbout(all, "web").map(({ subject }) => subject)).toEqual(["hub", "grant db/web"]);
});

test("[CLI92] names with control characters and line ends stay in their line", () => {
  const found = lines({ status: clusterWith({ publisher: "unknown", error: "a\nb\u001b[31m" }) });
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("a?b?[31m");
});
