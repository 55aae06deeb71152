/**
 * Each validator fails on a history that is bad in its own way, and on no other: a guarantee that
 * is never found broken is worth nothing.
 */
import { expect, test } from "vitest";

import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import type { OverlayPhase } from "../../../shared/visibility/overlay-order.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { endpoint, service } from "../../support/federated.ts";
import { BY_EXPORT } from "../services/desk.ts";
import { SERVICE_SCOPES } from "../scopes.ts";
import type {
  FelixMove,
  Happening,
  Moment,
  QuietRelay,
  SeenPositions,
  SeenRemote,
  Served,
  SourceState,
  ToldHealth,
} from "../history.ts";
import { judgeLatency } from "./latency-truthful.ts";
import { VALIDATORS } from "./index.ts";

const [A, B, KEY, HASH] = ["a", "b", "01".repeat(12), "02".repeat(12)];
const served: Served = { hash: HASH, isEndpoint: true, ips: [] };
const state: SourceState = { hash: HASH, isOwn: true, ips: [], owns: [], channel: "identity" };
const relay = { relay: "r", place: "pa", uid: A } as const;

const source = (of: SourceState | null): Happening => ({
  what: "source",
  place: "pb",
  key: KEY,
  state: of,
});
const sent = (message: Message, to = A): Happening => ({
  what: "sent",
  origin: B,
  socket: "s",
  role: "watch",
  to,
  message,
});
const told = (op: "put" | "delete", isNew: boolean, hash = HASH): Happening => ({
  ...relay,
  what: "told",
  origin: B,
  op,
  key: `b ${KEY}`,
  served: { ...served, hash },
  isNew,
});
/** Of `shop/db` of A. @param ids Cluster and address. */
const inSlices = (...ids: readonly string[]): Happening => ({
  ...relay,
  what: "slices",
  service: "shop/db",
  endpoints: new Map(ids.map((id) => [id, { isReady: true, times: 1 }])),
});
const seen = (given: Partial<SeenRemote>): Happening => ({
  ...relay,
  what: "seen",
  remotes: [
    {
      rcc: "b",
      origin: B,
      status: 3,
      endpoints: 0,
      revision: 0,
      digest: null,
      served: new Map(),
      refused: new Set(),
      positions: new Map(),
      isOpen: true,
      ...given,
    },
  ],
});
const quiet = (felix: ReadonlyMap<string, Served>, status = 2): Happening => ({
  what: "quiet",
  relays: [
    {
      ...relay,
      felix,
      isSuperseded: true,
      pools: [],
      remotes: [
        {
          rcc: "b",
          origin: B,
          status,
          endpoints: 1,
          revision: 1,
          digest: "d",
          served: new Map(),
          refused: new Set(),
          positions: new Map(),
          isOpen: true,
        },
      ],
    },
  ],
  origins: [
    {
      origin: B,
      isPublisherConnected: true,
      admitted: new Map([["identity", 1]]),
      digest: new Map([["identity", "d"]]),
      quarantined: 0,
      edges: [],
    },
  ],
  unacknowledged: 0,
});

const begin: readonly Happening[] = [
  { what: "member", place: "pa", uid: A },
  { what: "member", place: "pb", uid: B },
  { what: "storage", origin: B, logs: new Map(), kept: new Map(), access: null, why: "new" },
  { what: "storage", origin: A, logs: new Map(), kept: new Map(), access: null, why: "new" },
  { what: "edges", effective: new Map([[`${A} ${B}`, "b"]]) },
  { what: "access", origin: B, version: 2, readers: new Set([A]) },
  { ...relay, what: "relay", state: "started" },
  { what: "heard", relay: "r", version: 2, granted: new Map([["b", B]]) },
  source(state),
  {
    what: "commit",
    origin: B,
    channel: "identity",
    epoch: "e",
    frame: { revision: 1, previous: "p", chain: "c", entries: new Map([[KEY, HASH]]) },
  },
  told("put", true),
];

const at = (revision: number, epoch = "e"): SeenPositions =>
  new Map([["identity", { epoch, revision }]]);

/** A Felix has come from relay `q`, which was at 7, to one that is there too, or elsewhere. */
function moved(other: Partial<FelixMove> = {}): Happening {
  return {
    what: "moved",
    relay: "r",
    from: "q",
    uid: A,
    sinceMs: 0,
    hadVersion: 2,
    hasVersion: 2,
    had: new Map([[B, at(7)]]),
    has: new Map([[B, at(7)]]),
    ...other,
  };
}

const log = { origin: 0, channel: "identity" } as const;
const bytes = new Uint8Array(16);
const resume: Message = { type: "resume", ...log, after: 1 };
const hello: Happening = {
  what: "received",
  origin: B,
  socket: "s",
  message: {
    type: "watch-hello",
    versions: [2],
    software: "",
    accessVersion: 0,
    creditBytes: 0,
    channels: ["identity"],
    cursors: [{ channel: "identity", epoch: "e", revision: 1, chain: bytes }],
  },
};

/** What comes after a good beginning, and the validator that must say so. */
const BAD: Readonly<Record<string, readonly Happening[]>> = {
  NeverThrows: [{ what: "thrown", where: "Origin b", error: "Error: no" }],
  NoLeak: [
    { what: "access", origin: B, version: 3, readers: new Set() },
    sent({ type: "repair-plan", ...log, epoch: "e", head: 1, blobs: 0, after: 1, chain: bytes }),
  ],
  Reliable: [
    {
      what: "sent",
      origin: B,
      socket: "h",
      role: "home",
      to: B,
      message: {
        type: "accepted",
        channel: "identity",
        sequence: 1,
        epoch: "e",
        revision: 2,
        refused: 0,
        paceMs: 5,
      },
    },
  ],
  Resumable: [hello, sent(resume)],
  Ordered: [
    sent({
      type: "checkpoint",
      ...log,
      epoch: "e",
      revision: 9,
      digest: bytes,
      populated: false,
      sweep: false,
    }),
  ],
  Unique: [told("put", true)],
  NeverInSyncEarly: [seen({ status: 2 })],
  NeverBehind: [moved({ has: new Map([[B, at(6)]]) })],
  NoAmnesia: [told("delete", false)],
  NoGhosts: [
    { what: "heard", relay: "r", version: 3, granted: new Map() },
    seen({ endpoints: 1, served: new Map([[KEY, served]]) }),
  ],
  SuspendedSilent: [
    { what: "suspended", uid: B, isSuspended: true },
    sent({ type: "repair-plan", ...log, epoch: "e", head: 1, blobs: 0, after: 1, chain: bytes }),
  ],
  LossTold: [{ what: "dark", uid: B, sinceMs: 0 }],
  Converged: [quiet(new Map())],
  StatusTruthful: [quiet(new Map([[`b ${KEY}`, served]]), 3)],
  NoRouteWithoutBoth: [
    {
      what: "routes",
      relay: "r",
      uid: A,
      changes: [{ rcc: "b", kind: "node", op: "put", name: "x" }],
    },
  ],
  NoNatWindow: [
    { ...relay, what: "felix", isLoaded: true, dropped: new Map() },
    {
      what: "source",
      place: "pb",
      key: "04".repeat(12),
      state: { ...state, ips: ["10.1.0.0/16"], owns: ["10.1.0.0/16"], channel: "pools" },
    },
    ...[["10.1.0.0/16"], []].map((cidrs): Happening => ({
      what: "pools",
      relay: "r",
      uid: A,
      modes: new Map(cidrs.map((cidr) => [cidr, "none"])),
      hasVxlan: false,
    })),
  ],
  NoForeignEndpoint: [inSlices("b 10.9.9.9")],
  NoEmptyWindow: [
    { what: "asking", place: "pa", isAsking: true },
    ...[service("pg", { app: "db" }), endpoint("pg", "10.7.0.1")].map((record, i): Happening => ({
      what: "source",
      place: "pa",
      key: `0${5 + i}`.repeat(12),
      state: { ...state, channel: "services", record },
    })),
    inSlices("pa 10.7.0.1"),
    inSlices(),
  ],
  FelixLives: [{ what: "felix ended", relay: "r", reason: "panic" }],
  NoFlagFlip: [
    {
      what: "pools",
      relay: "r",
      uid: A,
      modes: new Map([["10.1.0.0/16", "vxlan"]]),
      hasVxlan: false,
    },
  ],
};

const broken = (history: readonly Happening[]): string[] =>
  VALIDATORS.filter(
    (validator) =>
      validator.validate(history.map((it, atMs) => ({ atMs: 100_000 + atMs, it }))) !== null,
  ).map(({ name }) => name);

test("[SIM2] a good history breaks no guarantee", () => {
  expect(broken([...begin, quiet(new Map([[`b ${KEY}`, served]]))])).toEqual([]);
});

test("[SIM2] every guarantee has a bad history", () => {
  expect(Object.keys(BAD).toSorted()).toEqual(VALIDATORS.map(({ name }) => name).toSorted());
});

for (const [name, end] of Object.entries(BAD))
  test(`[SIM2] ${name} is found broken where it is, and only it`, () => {
    expect(broken([...begin, ...end])).toEqual([name]);
  });

test("[SIM8] NoEmptyWindow: what its Service asks for no more leaves rightly", () => {
  const [asking, ...others] = BAD["NoEmptyWindow"] ?? [];
  const last = others.pop();
  if (asking?.what !== "asking" || last === undefined) throw new Error("another history");
  expect(broken([...begin, asking, ...others, { ...asking, isAsking: false }, last])).toEqual([]);
});

test("[SIM8] NoEmptyWindow: an address that goes from one Service to another is two records, told in any order", () => {
  const bad = BAD["NoEmptyWindow"] ?? [];
  const of = (
    key: string,
    record: ReturnType<typeof endpoint> | ReturnType<typeof service> | null,
  ) =>
    ({
      what: "source",
      place: "pa",
      key: key.repeat(12),
      state: record && { ...state, channel: "services", record },
    }) satisfies Happening;
  const second = [of("08", service("web", { app: "db" })), of("09", endpoint("web", "10.7.0.1"))];
  const [there, gone] = bad.slice(-2);
  if (there === undefined || gone === undefined) throw new Error("another history");
  const moved = [...bad.slice(0, -2), there, ...second, of("06", null), gone];
  expect(broken([...begin, ...moved])).toEqual([]);
  // While the first has it still, it may not go.
  expect(broken([...begin, ...bad.slice(0, -2), there, ...second, gone])).toEqual([
    "NoEmptyWindow",
  ]);
});

test("[SIM13] NoForeignEndpoint: an address of a range that comes and goes is right where it was the cluster's own once", () => {
  const heard: Happening = {
    what: "heard",
    relay: "r",
    version: 2,
    granted: new Map([["b", B]]),
    cluster: A,
  };
  const put = (isOwn: boolean): Happening => ({
    what: "source",
    place: "pb",
    key: "08".repeat(12),
    state: { ...state, isOwn, ips: ["10.200.0.7"], channel: "services" },
  });
  const end = inSlices("b 10.200.0.7");
  expect(broken([...begin, heard, put(false), end])).toEqual(["NoForeignEndpoint"]);
  expect(broken([...begin, heard, put(true), put(false), end])).toEqual([]);
});

test("[SIM2] Ordered: a key that goes back to an older state at Felix", () => {
  const newer = "03".repeat(12);
  const back = [source({ ...state, hash: newer }), told("put", false, newer), told("put", false)];
  expect(broken([...begin, ...back])).toEqual(["Ordered"]);
});

/** Found by the simulation, seeds 3500000265 and 3500000212. */
test("[SIM8] NoEmptyWindow: what was before may be read only now, and two records of it in any order", () => {
  const put = (place: string, key: string, record: CalicoRecord | null): Happening => ({
    what: "source",
    place,
    key: key.repeat(12),
    state: record && { ...state, channel: "services", record, shown: () => HASH },
  });
  const pair = `${A} ${B}`;
  const scopes = new Map([[pair, SERVICE_SCOPES[0]?.id ?? ""]]);
  const seen: Happening = { what: "edges", effective: new Map([[pair, "b"]]), scopes };
  const asks: Happening = { what: "asking", place: "pa", isAsking: true };
  const [first, ip] = ["pg", "10.7.0.9"];
  const old = [put("pb", "08", endpoint(first, ip)), put("pb", "08", null)];
  const now = [
    put("pb", "09", service("web", { app: "db" })),
    put("pb", "0a", endpoint("web", ip)),
  ];
  const gone = [inSlices(`b ${ip}`), inSlices()];
  expect(broken([...begin, asks, ...old, ...now, seen, ...gone])).not.toContain("NoEmptyWindow");
  expect(broken([...begin, asks, ...now, seen, ...gone])).toContain("NoEmptyWindow");

  const exported: CalicoRecord = {
    kind: "ServiceExport",
    createdMs: 1_000,
    namespace: "shop",
    name: "pg",
    labels: {},
    annotations: {},
  };
  const own = [
    put("pa", "09", service("pg", { app: "db" })),
    put("pa", "0a", endpoint("pg", ip)),
    put("pa", "0b", exported),
  ];
  const ends = [inSlices(`pa ${ip}`), inSlices()].map((it) => ({ ...it, service: BY_EXPORT }));
  const port = { name: "sql", protocol: "tcp", port: 5433 } as const;
  const other = put("pb", "0c", service("pg", {}, { ports: [port] }));
  const all = [...begin, ...own, ...ends] as readonly Happening[];
  expect(broken(all)).toContain("NoEmptyWindow");
  expect(broken([...begin, other, ...own, ...(ends as Happening[])])).not.toContain(
    "NoEmptyWindow",
  );
});

/** Found by the simulation, seed 1725. */
test("[SIM2] Ordered: what a grant's scope does not show any more leaves as what is gone, and comes back with a newer state", () => {
  const [hidden, shown] = ["03".repeat(12), "04".repeat(12)];
  const of = (hash: string): Happening =>
    source({ ...state, hash, shown: () => (hash === hidden ? null : hash) });
  const frame = { revision: 2, previous: "c", chain: "d", entries: new Map([[KEY, null]]) };
  const commit = { origin: B, channel: "identity", epoch: "e", frame } as const;
  const states = [of(hidden), of(shown), source(null)];
  const tellings = [told("delete", false), told("put", true, shown)];
  const late: Happening[] = [...states, { what: "commit", ...commit }, ...tellings];
  const scopes = new Map([[`${A} ${B}`, "s"]]);
  const scoped: Happening = { what: "edges", effective: new Map([[`${A} ${B}`, "b"]]), scopes };
  const kinds = (happenings: readonly Happening[]): readonly string[] =>
    broken(happenings).filter((name) => name === "Ordered");
  expect(kinds([...begin, scoped, ...late])).toEqual([]);
  expect(kinds([...begin, ...late])).toEqual(["Ordered"]);
});

test("[SIM2] NoAmnesia: a pod that went at its source, or a cluster that may not be seen any more, is withdrawn rightly", () => {
  expect(broken([...begin, source(null), told("delete", false)])).toEqual([]);
  const revoked: Happening[] = [
    { what: "edges", effective: new Map() },
    { what: "heard", relay: "r", version: 3, granted: new Map() },
  ];
  expect(broken([...begin, ...revoked, told("delete", false)])).toEqual([]);
});

const POOL = "10.1.0.0/16";
const poolOf = (place: string): Happening => ({
  what: "source",
  place,
  key: "04".repeat(12),
  state: { ...state, ips: [POOL], owns: [POOL], channel: "pools" },
});
const heardPools = (reader: string, cidr: string): Happening => ({
  what: "heard",
  relay: "q",
  version: 3,
  granted: new Map(),
  cluster: B,
  readerPools: new Map([[reader, [cidr]]]),
});

test("[SIM2] [VIS32] NoLeak: the pools of a cluster are told where it sees who is told, and nothing else of it is", () => {
  expect(broken([...begin, poolOf("pa"), heardPools(A, POOL)])).toEqual([]);
  expect(broken([...begin, poolOf("pa"), heardPools(A, "10.9.0.0/16")])).toEqual(["NoLeak"]);
  expect(broken([...begin, poolOf("pb"), heardPools(B, POOL)])).toEqual(["NoLeak"]);
});

test("[SIM2] [VIS32] Converged, NoGhosts: in the end a Felix has the pools of both sides of its edges, and no others", () => {
  const end = quiet(new Map([[`b ${KEY}`, served]]));
  if (end.what !== "quiet") throw new Error("not the end");
  const [reader] = end.relays as [QuietRelay];
  const withPools = (place: string, pools: readonly string[], uid = A): Happening => ({
    ...end,
    relays: [
      {
        ...reader,
        uid,
        place,
        pools,
        felix: uid === A ? reader.felix : new Map(),
        remotes: uid === A ? reader.remotes : [],
      },
    ],
    origins: [],
  });
  expect(broken([...begin, poolOf("pa"), withPools("pb", [POOL], B)])).toEqual([]);
  expect(broken([...begin, poolOf("pa"), withPools("pb", [], B)])).toEqual(["Converged"]);
  expect(broken([...begin, withPools("pa", [POOL])])).toContain("NoGhosts");
});

/** Both see each other; `ways` ask for routes. */
const routedEdges = (...ways: readonly string[]): Happening => ({
  what: "edges",
  effective: new Map([
    [`${A} ${B}`, "b"],
    [`${B} ${A}`, "a"],
  ]),
  routed: new Set(ways),
});
const BOTH = [`${A} ${B}`, `${B} ${A}`];
const heardOrder = (phase: OverlayPhase): Happening => ({
  what: "heard",
  relay: "r",
  version: 3,
  granted: new Map([["b", B]]),
  orders: new Map([["b", phase]]),
  cluster: A,
});
const routes = (kind: "node" | "block"): Happening => ({
  what: "routes",
  relay: "r",
  uid: A,
  changes: [{ rcc: "b", kind, op: "put", name: "x" }],
});

test("[SIM2] NoRouteWithoutBoth: routes come when both ask for them, blocks at commit, and a relay obeys what has come", () => {
  const both = [...begin, routedEdges(...BOTH)];
  expect(broken([...both, heardOrder("prepare"), routes("node")])).toEqual([]);
  expect(broken([...both, heardOrder("commit"), routes("block")])).toEqual([]);
  expect(broken([...both, heardOrder("prepare"), routes("block")])).toEqual(["NoRouteWithoutBoth"]);
  const one = [...begin, routedEdges(`${A} ${B}`), heardOrder("prepare")];
  expect(broken([...one, routes("node")])).toEqual(["NoRouteWithoutBoth"]);
  const obeyed = (epoch: string | null): Happening => ({
    what: "obeyed",
    relay: "r",
    rcc: "b",
    epoch,
  });
  expect(broken([...both, heardOrder("prepare"), obeyed("e")])).toEqual([]);
  for (const epoch of [null, WITHHELD_EPOCH])
    expect(broken([...both, heardOrder("prepare"), obeyed(epoch)])).toEqual(["NoRouteWithoutBoth"]);
  const checkpoint = sent({
    type: "checkpoint",
    origin: 0,
    channel: "routing",
    epoch: "e",
    revision: 0,
    digest: "",
    populated: false,
    sweep: false,
  } as unknown as Message);
  expect(broken([...begin, checkpoint])).toContain("NoRouteWithoutBoth");
});

const pools = (
  modes: readonly (readonly [string, "none" | "vxlan"])[],
  hasVxlan = true,
): Happening => ({
  what: "pools",
  relay: "r",
  uid: A,
  modes: new Map(modes),
  hasVxlan,
});

const synced: Happening = { ...relay, what: "felix", isLoaded: true, dropped: new Map() };

test("[SIM2] NoNatWindow: a pool that may be seen all the time stays with Felix", () => {
  const before = [...begin, routedEdges(), poolOf("pb"), heardOrder("commit"), synced];
  expect(broken([...before, pools([[POOL, "none"]]), pools([[POOL, "vxlan"]])])).toEqual([]);
  expect(broken([...before, pools([[POOL, "none"]]), pools([])])).toEqual(["NoNatWindow"]);
});

test("[SIM2] NeverBehind: a relay that a Felix comes to is where the one before was, or it may not see the origin", () => {
  const judge = (other: Partial<FelixMove>) => broken([...begin, moved(other)]);
  expect(judge({})).toEqual([]);
  expect(judge({ has: new Map([[B, at(8)]]) })).toEqual([]);
  // Another log: what the one before had counts no more.
  expect(judge({ has: new Map([[B, at(1, "f")]]) })).toEqual([]);
  expect(judge({ has: new Map() })).toEqual([]);
  expect(judge({ has: new Map([[B, new Map()]]) })).toEqual(["NeverBehind"]);
  expect(judge({ hasVersion: 1 })).toEqual(["NeverBehind"]);
  expect(broken([...begin, { what: "restored" }, moved({ hasVersion: 1 })])).toEqual([]);
});

test("[SIM2] SuspendedSilent: nothing goes to or from a suspended cluster, once all know it", () => {
  const frame = sent({
    type: "repair-plan",
    ...log,
    epoch: "e",
    head: 1,
    blobs: 0,
    after: 1,
    chain: bytes,
  });
  const of = (uid: string, isSuspended: boolean): Happening => ({
    what: "suspended",
    uid,
    isSuspended,
  });
  expect(broken([...begin, hello, frame])).toEqual([]);
  for (const uid of [A, B]) {
    expect(broken([...begin, hello, of(uid, true), frame])).toEqual(["SuspendedSilent"]);
    expect(broken([...begin, hello, of(uid, true), of(uid, false), frame])).toEqual([]);
    expect(broken([...begin, hello, of(uid, true), { what: "restored" }, frame])).toEqual([]);
  }
});

test("[SIM2] LossTold: of silence, in time, and no longer than it lasts", () => {
  const health = (
    state: "ok" | "degraded" | "lost",
    silentMs: number,
    codes: string[] = [],
  ): Happening => ({ what: "health", uid: B, told: { state, codes }, silentMs });
  const dark: Happening = { what: "dark", uid: B, sinceMs: 0 };
  expect(broken([...begin, health("lost", 20_000), dark])).toEqual([]);
  expect(broken([...begin, health("lost", 19_000)])).toEqual(["LossTold"]);
  expect(broken([...begin, dark])).toEqual(["LossTold"]);
  expect(broken([...begin, health("degraded", 0)])).toEqual([]);
  const failing = health("degraded", 0, ["SourceFailing"]);
  expect(broken([...begin, { what: "calm" }, failing])).toEqual(["LossTold"]);
  const refused = health("degraded", 0, ["Quarantined"]);
  expect(broken([...begin, { what: "calm" }, refused])).toEqual([]);
  const end = quiet(new Map([[`b ${KEY}`, served]])) as Extract<Happening, { what: "quiet" }>;
  const endWith = (told: ToldHealth, quarantined: number) => ({
    ...end,
    origins: end.origins.map((origin) => ({ ...origin, health: told, quarantined })),
  });
  expect(broken([...begin, end])).not.toContain("LossTold");
  expect(broken([...begin, endWith({ state: "lost", codes: [] }, 0)])).toContain("LossTold");
  const withRefused: ToldHealth = { state: "degraded", codes: ["Quarantined"] };
  expect(broken([...begin, endWith(withRefused, 1)])).not.toContain("LossTold");
  expect(broken([...begin, endWith(withRefused, 0)])).toContain("LossTold");
});

test("[SIM2] StatusTruthful: conditions are what they say", () => {
  const end = quiet(new Map([[`b ${KEY}`, served]])) as Extract<Happening, { what: "quiet" }>;
  const edgeWith = (type: string, status: string, reason = "") => ({
    reader: A,
    origin: B,
    conditions: ["Accepted", "Granted", "Connected", "InSync"].map((name) =>
      name === type ? { type, status, reason } : { type: name, status: "True", reason: "" },
    ),
  });
  const judge = (edge: ReturnType<typeof edgeWith>) =>
    broken([...begin, { ...end, edges: [edge] }]);
  const without = broken([...begin, end]);
  expect(judge(edgeWith("", ""))).toEqual(without);
  for (const type of ["Accepted", "Granted", "Connected", "InSync"])
    expect([type, judge(edgeWith(type, "False"))]).toEqual([type, [...without, "StatusTruthful"]]);
  expect(judge(edgeWith("InSync", "False", "Quarantined"))).toContain("StatusTruthful");
});

test("[SIM2] NoNatWindow: a pool that was deleted leaves once; one that was revoked is judged once it is seen again", () => {
  const seen = [heardOrder("commit"), synced, pools([[POOL, "none"]])];
  const before = [...begin, routedEdges(), poolOf("pb"), ...seen];
  const deleted: Happening = {
    what: "source",
    place: "pb",
    key: "04".repeat(12),
    state: null,
  } as Happening;
  const again = [...before, deleted, pools([]), poolOf("pb"), pools([[POOL, "none"]])];
  expect(broken(again)).toEqual([]);
  expect(broken([...again, pools([])])).toEqual(["NoNatWindow"]);
  const revoked: Happening = { what: "heard", relay: "r", version: 4, granted: new Map() };
  const away = [...before, revoked, pools([])];
  expect(broken(away)).toEqual([]);
  const back = [...away, heardOrder("commit"), pools([[POOL, "none"]])];
  expect(broken(back)).toEqual([]);
  expect(broken([...back, pools([])])).toEqual(["NoNatWindow"]);
  const restored = [...before, { what: "restored" } as Happening];
  expect(broken([...restored, pools([])])).toEqual([]);
  // A hub that was put back is judged once it knows what the origin has, and the reader has it.
  const reconciled: Happening = {
    what: "received",
    origin: B,
    socket: "s",
    message: { type: "reconciled", channel: "pools" },
  };
  const inSync = (of: string): Happening => ({
    ...relay,
    what: "seen",
    remotes: [
      {
        rcc: "b",
        origin: of,
        status: 2,
        endpoints: 0,
        revision: 0,
        digest: null,
        served: new Map(),
        refused: new Set(),
        positions: new Map(),
        isOpen: true,
      },
    ],
  });
  const judged = (...then: Happening[]) =>
    broken([...restored, ...then, pools([])]).filter((name) => name === "NoNatWindow");
  expect(judged(reconciled)).toEqual([]);
  expect(judged(inSync(B), reconciled)).toEqual([]);
  expect(judged(reconciled, inSync(B))).toEqual(["NoNatWindow"]);
  expect(judged(reconciled, inSync(B), { what: "restored" })).toEqual([]);
});

test("[SIM2] StatusTruthful: changes take as long as is told, as far as clocks are right", () => {
  const [first, ...more] = begin;
  const before = first === undefined ? [] : [first, ...more.slice(0, -3)];
  const at = (atMs: number, it: Happening): Moment => ({ atMs, it });
  const took = [10, 20, 30].flatMap((ms, n) => {
    const key = `0${n + 2}`.repeat(12);
    return [
      at(1_000 * n + 100, { what: "source", place: "pb", key, state: { ...state, hash: key } }),
      at(1_000 * n + 100 + ms, {
        ...(told("put", true, key) as object),
        key: `b ${key}`,
      } as Happening),
    ];
  });
  const judge = (p50Ms: number, p99Ms: number, count = 3) =>
    judgeLatency([
      ...before.map((it) => at(0, it)),
      ...took,
      at(9_000, {
        what: "probed",
        sinceMs: 50,
        probes: 3,
        told: [{ reader: A, origin: B, count, p50Ms, p99Ms, errorMs: 4 }],
      }),
    ]);
  expect(judge(20, 33)).toBe(null);
  expect(judge(6, 40)).toBe(null);
  for (const wrong of [judge(5, 33), judge(20, 42), judge(33, 20), judge(20, 33, 0)])
    expect(wrong).toMatchObject({ atMs: 9_000, message: expect.stringContaining("10 to 30 ms") });
});

test("[SIM2] NoFlagFlip: a pool has VXLAN where one of the cluster's own has", () => {
  expect(broken([...begin, pools([[POOL, "vxlan"]])])).toEqual([]);
  expect(broken([...begin, pools([[POOL, "none"]], false)])).toEqual([]);
  expect(broken([...begin, pools([[POOL, "vxlan"]], false)])).toEqual(["NoFlagFlip"]);
});
