/** [SRC88] How a source's health is summed up and told. */
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";

import { HealthWatch } from "../../../relay/source/health-watch.ts";
import { collectionState } from "../../../relay/source/kubernetes/collection-state.ts";
import { KubernetesSource } from "../../../relay/source/kubernetes/kubernetes-source.ts";
import { stepReflector } from "../../../relay/source/kubernetes/reflector.ts";
import { IDLE } from "../../../relay/source/kubernetes/reflector-state.ts";
import type {
  ReflectorEvent,
  ReflectorState,
} from "../../../relay/source/kubernetes/reflector-state.ts";
import { stepHealth, summarise, UNTRACKED } from "../../../relay/source/source-health.ts";
import type {
  CollectionHealth,
  CollectionReading,
  HealthNews,
  SourceState,
} from "../../../relay/source/source-health.ts";
import { FakeApiServer } from "./fake-api-server.ts";
import { Recorder } from "./recorder.ts";
import { waitFor } from "../../support/wait-for.ts";

const at = (name: string, state: SourceState, sinceMs: number, reason = ""): CollectionHealth => ({
  name,
  state,
  sinceMs,
  reason,
  objects: 1,
});

for (const [what, collections, expected] of [
  ["nothing yet", [], { state: "listing", reason: "", sinceMs: 0 }],
  [
    "all that is followed, since the last of them is",
    [at("pods", "following", 5), at("nodes", "following", 9)],
    { state: "following", reason: "", sinceMs: 9 },
  ],
  [
    "a kind that the cluster does not have: no matter",
    [at("pods", "following", 5), at("ippools", "absent", 9, "no kind")],
    { state: "following", reason: "", sinceMs: 5 },
  ],
  [
    "something that is listed still",
    [at("pods", "following", 5), at("nodes", "listing", 3)],
    { state: "listing", reason: "", sinceMs: 3 },
  ],
  [
    "a failure beside all else, with the names and since the first",
    [
      at("pods", "failing", 7, "403 no"),
      at("nodes", "failing", 6, "403 no"),
      at("ippools", "failing", 8, "away"),
      at("namespaces", "listing", 1),
    ],
    { state: "failing", reason: "pods, nodes: 403 no; ippools: away", sinceMs: 6 },
  ],
  [
    "an absent folder",
    [at("/f", "absent", 4, "there is no folder /f")],
    { state: "absent", reason: "/f: there is no folder /f", sinceMs: 4 },
  ],
] as const)
  test(`[SRC88] summed up: ${what}`, () => {
    expect(summarise({ collections })).toEqual(expected);
  });

test("[SRC88] a reason is at most 300 characters in the sum", () => {
  const { reason } = summarise({ collections: [at("pods", "failing", 1, "x".repeat(999))] });
  expect([reason.length, reason.at(-1)]).toEqual([300, "…"]);
});

/** Tells readings one after the other. */
function told(
  ...steps: readonly (readonly [nowMs: number, ...readings: readonly CollectionReading[]])[]
): HealthNews[] {
  let tracked = UNTRACKED;
  return steps.flatMap(([nowMs, ...readings]) => {
    const { after, news } = stepHealth(tracked, readings, nowMs);
    tracked = after;
    return news;
  });
}

const reading = (name: string, state: SourceState, reason = ""): CollectionReading => ({
  name,
  state,
  reason,
  objects: 0,
});

test("[SRC88] a failure is told once, when its reason changes, and when it is over", () => {
  const pods = (state: SourceState, reason = "") => reading("pods", state, reason);
  expect(
    told(
      [0, pods("listing")],
      [1_000, pods("failing", "away")],
      [2_000, pods("failing", "away")],
      // A retry lists, and a reason that changes at once waits its turn.
      [3_000, pods("listing")],
      [4_000, pods("failing", "reset")],
      [62_000, pods("failing", "403")],
      [90_000, pods("following")],
      [91_000, pods("following")],
    ).map(({ kind, reason, sinceMs }) => [kind, reason, sinceMs]),
  ).toEqual([
    ["failing", "away", 1_000],
    ["failing", "403", 4_000],
    ["over", "", 4_000],
  ]);
});

test("[SRC88] collections with one reason are told together", () => {
  const names = ["pods", "nodes"];
  expect(
    told(
      [0, ...names.map((name) => reading(name, "failing", "away")), reading("x", "absent", "no")],
      [5, ...names.map((name) => reading(name, "following")), reading("x", "absent", "no")],
    ).map(({ kind, names: of }) => [kind, of]),
  ).toEqual([
    ["failing", names],
    ["absent", ["x"]],
    ["over", names],
  ]);
});

const context = (nowMs: number) => ({ nowMs, random: () => 0 });

function after(...events: readonly (readonly [number, ReflectorEvent])[]): ReflectorState {
  return events.reduce(
    (state, [nowMs, event]) => stepReflector(state, event, context(nowMs)).state,
    IDLE,
  );
}

const START: readonly [number, ReflectorEvent] = [0, { type: "start" }];
const PAGE: ReflectorEvent = { type: "page", position: "7", continueToken: "" };
const ended = (status: number): ReflectorEvent => ({
  type: "watch-ended",
  status,
  message: `${status} said`,
});
const failed = (status: number): ReflectorEvent => ({
  type: "list-failed",
  status,
  message: `${status} said`,
  hasObjects: false,
});

for (const [what, state, nowMs, expected] of [
  ["a first list", after(START), 0, "listing"],
  ["a list that failed", after(START, [0, failed(403)]), 0, "failing"],
  ["its retry", after(START, [0, failed(403)], [1, { type: "timer" }]), 1, "failing"],
  ["a watch", after(START, [0, PAGE]), 0, "following"],
  ["a watch that broke once", after(START, [0, PAGE], [1, ended(0)]), 1, "following"],
  [
    "a watch that broke twice",
    after(START, [0, PAGE], [1, ended(0)], [2, { type: "timer" }], [3, ended(0)]),
    3,
    "failing",
  ],
  ["a watch that was refused", after(START, [0, PAGE], [1, ended(403)]), 1, "failing"],
  [
    "the next one, before it has lived",
    after(START, [0, PAGE], [1, ended(403)], [2, { type: "timer" }]),
    4_000,
    "failing",
  ],
  [
    "the next one, when it has",
    after(START, [0, PAGE], [1, ended(403)], [2, { type: "timer" }]),
    5_002,
    "following",
  ],
  [
    "the next one, when it has told anything",
    after(
      START,
      [0, PAGE],
      [1, ended(403)],
      [2, { type: "timer" }],
      [3, { type: "progress", position: "8" }],
    ),
    3,
    "following",
  ],
  ["a list after lost history", after(START, [0, PAGE], [9_000, ended(410)]), 9_000, "following"],
  ["a kind that is not there", after(START, [0, failed(404)]), 0, "absent"],
] as const)
  test(`[SRC88] a collection with ${what} is ${expected}`, () => {
    expect(collectionState(state, nowMs).state).toBe(expected);
  });

let stop: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(stop.map((one) => one()));
  stop = [];
});

/** A source over a server, and the lines of its log. */
async function watched(prepare: (api: FakeApiServer) => void, kubeconfig?: string) {
  const api = new FakeApiServer();
  await api.start();
  prepare(api);
  const source = new KubernetesSource({
    kubeconfig: kubeconfig ?? api.kubeconfig,
    env: {},
    random: () => 0.1,
  });
  source.start(new Recorder());
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  const ports = {
    after: (ms: number, run: () => void) => {
      const timer = setTimeout(run, ms / 50);
      return () => clearTimeout(timer);
    },
  };
  const watch = new HealthWatch(source, ports, log);
  watch.start();
  stop.push(async () => {
    watch.stop();
    await source.stop();
    await api.stop();
  });
  const messages = (): string[] =>
    lines.map((line) => (JSON.parse(line) as { msg: string }).msg).filter((m) => !/have/.test(m));
  return { api, watch, messages };
}

test("[SRC88] rights that are missing: told once with the server's words, and when they are given", async () => {
  let isForbidden = true;
  const { watch, messages } = await watched((api) => {
    api.fault = ({ path }) =>
      path === "/api/v1/pods" && isForbidden
        ? { kind: "answer", status: 403, body: '{"code":403,"message":"pods is forbidden"}' }
        : undefined;
  });
  await waitFor(() =>
    expect(messages()).toEqual([
      "the source cannot follow pods: 403 pods is forbidden; what is published stays",
    ]),
  );
  expect(watch.summary()).toMatchObject({
    state: "failing",
    reason: "pods: 403 pods is forbidden",
  });
  isForbidden = false;
  await waitFor(() => expect(messages().at(-1)).toBe("the source follows pods again"));
  expect(messages()).toHaveLength(2);
  expect(watch.summary().state).toBe("following");
});

test("[SRC88] an API server that is away, a token that was revoked, and a kubeconfig that is not there fail with these words", async () => {
  const away = await watched((api) => {
    api.fault = () => ({ kind: "reset" });
  });
  const revoked = await watched((api) => {
    api.fault = () => ({
      kind: "answer",
      status: 401,
      body: '{"code":401,"reason":"Unauthorized"}',
    });
  });
  const absent = await watched(() => undefined, "/no/such/kubeconfig");
  for (const [{ watch }, words] of [
    [away, /127\.0\.0\.1:\d+: socket hang up/],
    [revoked, /401 Unauthorized/],
    [absent, /there is no kubeconfig \/no\/such\/kubeconfig/],
  ] as const) {
    // Collections fail one after the other.
    await waitFor(() => {
      const { state, reason } = watch.summary();
      expect([state, reason]).toEqual(["failing", expect.stringMatching(words)]);
      expect(reason).toMatch(/^pods, /);
    });
  }
});
