import { afterEach, beforeEach, expect, test } from "vitest";

import { KubernetesSource } from "../../../relay/source/kubernetes/kubernetes-source.ts";
import { FakeApiServer } from "./fake-api-server.ts";
import type { FakeObject, FakeRequest } from "./fake-api-server.ts";
import { Recorder } from "./recorder.ts";
import { waitFor } from "../../support/wait-for.ts";

const PODS = "/api/v1/pods";
const POOLS = "/apis/crd.projectcalico.org/v1/ippools";

let api: FakeApiServer;
let source: KubernetesSource;
let seen: Recorder;

beforeEach(async () => {
  api = new FakeApiServer();
  await api.start();
  seen = new Recorder();
});

afterEach(async () => {
  await source.stop();
  await api.stop();
});

/**
 * Pauses are as short as they get, and silence is short too: what is tested is what happens, not
 * how long it takes.
 */
function open(
  env: Readonly<Record<string, string>> = {},
  idleMs = 60_000,
  silentMs = 60_000,
): void {
  source = new KubernetesSource({
    kubeconfig: api.kubeconfig,
    env,
    random: () => 0.99,
    requestIdleMs: idleMs,
    watchIdleMs: idleMs,
    silentMs,
  });
  source.start(seen);
}

async function openAndList(idleMs?: number, silentMs?: number): Promise<void> {
  open({}, idleMs, silentMs);
  await seen.until(() => seen.listedCount === 1);
  // Of the two collections that the tests write to, the watches are open at the server too.
  const isAbsent = source
    .health()
    .collections.some((c) => c.name.startsWith("ippools") && c.state === "absent");
  const expected = isAbsent ? [PODS] : [PODS, POOLS];
  await waitFor(() => expect(expected.every((path) => api.isWatched(path))).toBe(true));
}

function pod(name: string, ip = "10.64.0.1"): FakeObject {
  return {
    metadata: { name, namespace: "shop" },
    spec: { nodeName: "node-a" },
    status: { phase: "Running", podIPs: [{ ip }] },
  };
}

function podKey(name: string): string {
  return `/calico/v1/host/node-a/workload/k8s/shop%2f${name}/endpoint/eth0`;
}

/** Fails the first `times` requests that match, then lets them pass. */
function failing(
  times: number,
  matches: (request: FakeRequest) => boolean,
  status: number,
  body = "{}",
): void {
  let left = times;
  api.fault = (request) =>
    matches(request) && left-- > 0 ? { kind: "answer", status, body } : undefined;
}

const isPodList = ({ path, isWatch }: FakeRequest): boolean => path === PODS && !isWatch;

test("[SRC30] a collection is listed in pages of at most 500, and watched from the list's position", async () => {
  for (let i = 0; i < 1203; i++) api.put(PODS, pod(`p${i}`, `10.64.${i >> 8}.${i & 255}`));
  await openAndList();
  expect(seen.records.size).toBe(1203);
  const lists = api.requests.filter(isPodList);
  expect(lists.map(({ query }) => query.get("limit"))).toEqual(["500", "500", "500"]);
  expect(lists.map(({ query }) => query.get("continue"))).toEqual([null, "500", "1000"]);
  const { query } = api.lastWatch(PODS) as FakeRequest;
  expect(query.get("allowWatchBookmarks")).toBe("true");
  expect(Number(query.get("timeoutSeconds"))).toBeGreaterThanOrEqual(300);
  expect(Number(query.get("timeoutSeconds"))).toBeLessThanOrEqual(600);
});

test("[SRC2] listed is said once, and only after the last collection has listed", async () => {
  let isBroken = true;
  api.fault = ({ path }) =>
    path === "/api/v1/nodes" && isBroken ? { kind: "answer", status: 500, body: "{}" } : undefined;
  api.put(PODS, pod("a"));
  open();
  await seen.until(() => seen.records.size === 1);
  await waitFor(() =>
    expect(api.requests.filter((r) => r.path === "/api/v1/nodes").length).toBeGreaterThan(2),
  );
  expect(seen.listedCount).toBe(0);
  isBroken = false;
  await seen.until(() => seen.listedCount === 1);
});

for (const status of [500, 401, 403, 429])
  test(`[SRC32] a list that is answered with ${status} is tried again, and what was known stays`, async () => {
    api.put(PODS, pod("a"));
    await openAndList();
    failing(
      3,
      isPodList,
      status,
      JSON.stringify({ kind: "Status", code: status, message: "on purpose" }),
    );
    api.put(PODS, pod("b", "10.64.0.2"), true);
    api.compact();
    api.closeWatches(PODS);
    await seen.until(() => seen.records.has(podKey("b")));
    expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
  });

test("[SRC32] the last error is in the health, with the server's own words", async () => {
  api.fault = (request) =>
    isPodList(request)
      ? {
          kind: "answer",
          status: 403,
          body: JSON.stringify({ code: 403, message: "pods is forbidden" }),
        }
      : undefined;
  open();
  await waitFor(() =>
    expect(source.health().collections[0]).toMatchObject({
      name: "pods",
      state: "failing",
      reason: "403 pods is forbidden",
    }),
  );
});

test("[SRC31] a continuation that expired (410) starts the list anew, and nothing is deleted", async () => {
  for (let i = 0; i < 4; i++) api.put(PODS, pod(`p${i}`, `10.64.0.${i}`));
  api.pageSize = 2;
  failing(2, ({ path, query }) => path === PODS && query.has("continue"), 410, '{"code":410}');
  await openAndList();
  expect(seen.records.size).toBe(4);
  const tokens = api.requests.filter(isPodList).map(({ query }) => query.get("continue"));
  expect(tokens).toEqual([null, "2", null, "2", null, "2"]);
});

test("[SRC1] half a list deletes nothing", async () => {
  for (let i = 0; i < 4; i++) api.put(PODS, pod(`p${i}`, `10.64.0.${i}`));
  await openAndList();
  api.pageSize = 2;
  failing(5, ({ path, query }) => path === PODS && query.has("continue"), 500);
  api.compact();
  api.closeWatches(PODS);
  await waitFor(() =>
    expect(api.requests.filter((r) => r.query.get("continue") === "2").length).toBe(6),
  );
  await waitFor(() => expect(api.watchCount).toBeGreaterThanOrEqual(4));
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

test("[SRC33] after 410 the list is compared: missing objects are inferred deletes, an event is an observed one", async () => {
  api.put(PODS, pod("missed"));
  api.put(PODS, pod("seen", "10.64.0.2"));
  api.put(PODS, pod("stays", "10.64.0.3"));
  await openAndList();
  api.remove(PODS, pod("seen"));
  await seen.until(() => !seen.records.has(podKey("seen")));
  api.remove(PODS, pod("missed"), true);
  api.compact();
  api.closeWatches(PODS);
  await seen.until(() => !seen.records.has(podKey("missed")));
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([
    { op: "delete", key: podKey("seen"), cause: "observed" },
    { op: "delete", key: podKey("missed"), cause: "inferred" },
  ]);
  expect(seen.changes.filter(({ op }) => op === "put")).toHaveLength(3);
});

for (const [what, line] of [
  ["no JSON", '{"type":"DELE\n'],
  ["no event", "[1,2]\n"],
  ["an event without position", '{"type":"DELETED","object":{"metadata":{"name":"a"}}}\n'],
  ["an event of unknown type", '{"type":"WHAT","object":{"metadata":{"resourceVersion":"1"}}}\n'],
])
  test(`[SRC34] a line of the watch that is ${what} makes the collection be listed again`, async () => {
    api.put(PODS, pod("a"));
    await openAndList();
    api.remove(PODS, pod("a"), true);
    api.writeRaw(PODS, line ?? "");
    await seen.until(() => !seen.records.has(podKey("a")));
    expect(seen.changes.at(-1)).toMatchObject({ op: "delete", cause: "inferred" });
  });

for (const [what, body] of [
  ["no JSON", "<html>"],
  ["no list", "[]"],
  ["without items that are objects", '{"metadata":{"resourceVersion":"1"},"items":[1]}'],
  ["without a position", '{"metadata":{},"items":[]}'],
])
  test(`[SRC35] a list that is ${what} is a failed list`, async () => {
    api.put(PODS, pod("a"));
    failing(2, isPodList, 200, body);
    await openAndList();
    expect(seen.records.has(podKey("a"))).toBe(true);
  });

test("[SRC36] a watch that falls silent is opened again, and goes on where it was", async () => {
  api.put(PODS, pod("a"));
  await openAndList(150);
  const before = api.lastWatch(PODS);
  await waitFor(() => expect(api.lastWatch(PODS)).not.toBe(before));
  api.put(PODS, pod("b", "10.64.0.2"));
  await seen.until(() => seen.records.has(podKey("b")));
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

test("[SRC36] a list that hangs is given up and tried again", async () => {
  let left = 2;
  api.fault = (request) => (isPodList(request) && left-- > 0 ? { kind: "hang" } : undefined);
  api.put(PODS, pod("a"));
  await openAndList(150);
  expect(seen.records.has(podKey("a"))).toBe(true);
});

test("[SRC36] a connection that breaks in the middle of a line loses nothing", async () => {
  api.put(PODS, pod("a"));
  await openAndList();
  api.writeRaw(PODS, '{"type":"ADDED","object":{"metadata":{"na');
  api.closeWatches(PODS);
  api.put(PODS, pod("b", "10.64.0.2"));
  api.remove(PODS, pod("a"));
  await seen.until(() => seen.records.has(podKey("b")) && !seen.records.has(podKey("a")));
  expect(seen.changes.at(-1)).toMatchObject({ op: "delete", cause: "observed" });
  expect(api.requests.filter(isPodList)).toHaveLength(1);
});

test("[SRC36] a server that resets every connection for a while is waited for", async () => {
  let left = 20;
  api.fault = () => (left-- > 0 ? { kind: "reset" } : undefined);
  api.put(PODS, pod("a"));
  await openAndList();
  expect(seen.records.has(podKey("a"))).toBe(true);
});

test("[SRC39] a bookmark moves the position on, so that a compaction behind it costs no list", async () => {
  api.put(PODS, pod("a"));
  await openAndList();
  api.compact();
  api.bookmark(PODS);
  const before = api.lastWatch(PODS);
  // The bookmark is on its way; the stream is in order, so what follows it is seen after it.
  api.put(PODS, pod("b", "10.64.0.2"));
  await seen.until(() => seen.records.has(podKey("b")));
  api.closeWatches(PODS);
  await waitFor(() => expect(api.lastWatch(PODS)).not.toBe(before));
  expect(api.requests.filter(isPodList)).toHaveLength(1);
  expect(Number(api.lastWatch(PODS)?.query.get("resourceVersion"))).toBeGreaterThan(
    Number(before?.query.get("resourceVersion")),
  );
});

const isLook = ({ path, query }: FakeRequest): boolean =>
  path === PODS && query.get("limit") === "1";

test("[SRC86] a store that was put back under a watch that stays open: what is gone is deleted, and the watch begins anew", async () => {
  api.put(PODS, pod("stays", "10.64.0.1"));
  await openAndList(60_000, 100);
  api.put(PODS, pod("later", "10.64.0.2"));
  await seen.until(() => seen.records.has(podKey("later")));
  api.putBack(100);
  api.remove(PODS, pod("later", "10.64.0.2"));
  await seen.until(() => !seen.records.has(podKey("later")));
  expect(seen.changes.at(-1)).toMatchObject({ op: "delete", cause: "inferred" });
  await waitFor(() => expect(api.isWatched(PODS)).toBe(true));
  api.put(PODS, pod("new", "10.64.0.3"));
  await seen.until(() => seen.records.has(podKey("new")));
});

test("[SRC86] a quiet collection costs a list of one object now and then, whatever is written elsewhere", async () => {
  for (let i = 0; i < 4; i++) api.put(PODS, pod(`p${i}`, `10.64.0.${i}`));
  await openAndList(60_000, 50);
  api.put("/api/v1/namespaces", { metadata: { name: "elsewhere" } });
  const looks = (): number => api.requests.filter(isLook).length;
  await waitFor(() => expect(looks()).toBeGreaterThanOrEqual(4));
  expect(api.requests.filter((r) => isPodList(r) && !isLook(r))).toHaveLength(1);
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

test("[SRC86] a watch that something in between holds open is given up when the look fails", async () => {
  api.put(PODS, pod("a"));
  await openAndList(60_000, 100);
  let isAway = true;
  api.fault = () => (isAway ? { kind: "reset" } : undefined);
  await waitFor(() => expect(source.health().collections[0]?.state).toBe("failing"));
  api.remove(PODS, pod("a"), true);
  isAway = false;
  await seen.until(() => !seen.records.has(podKey("a")));
});

test("[SRC87] a watch whose bookmark goes back is of another history: the collection is listed", async () => {
  api.put(PODS, pod("a"));
  await openAndList();
  api.remove(PODS, pod("a"), true);
  api.writeRaw(PODS, '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}}\n');
  await seen.until(() => !seen.records.has(podKey("a")));
});

test("[SRC37] a collection whose CRD is absent is an empty list", async () => {
  await openAndList();
  const states = Object.fromEntries(source.health().collections.map((c) => [c.name, c.state]));
  expect(states["ippools (Calico)"]).toBe("absent");
});

test("[SRC37] a collection that had objects is not emptied by a server that does not know it for a moment", async () => {
  api.put(POOLS, { metadata: { name: "p" }, spec: { cidr: "10.64.0.0/16" } });
  await openAndList();
  failing(4, ({ path }) => path === POOLS, 404);
  const before = api.requests.length;
  api.compact();
  api.closeWatches(POOLS);
  const tries = (): number => api.requests.slice(before).filter((r) => r.path === POOLS).length;
  await waitFor(() => expect(tries()).toBeGreaterThanOrEqual(6));
  expect(seen.records.size).toBe(1);
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

for (const [groups, env, expected] of [
  [["crd.projectcalico.org"], {}, "crd.projectcalico.org/v1"],
  [["projectcalico.org", "crd.projectcalico.org"], {}, "crd.projectcalico.org/v1"],
  [["projectcalico.org"], {}, "projectcalico.org/v3"],
  [[], {}, "crd.projectcalico.org/v1"],
  [["crd.projectcalico.org"], { CALICO_API_GROUP: "projectcalico.org/v3" }, "projectcalico.org/v3"],
] as const)
  test(`[SRC38] of groups [${groups.join(", ")}] with ${JSON.stringify(env)} only ${expected} is asked`, async () => {
    api.groups = groups;
    open(env);
    await seen.until(() => seen.listedCount === 1);
    const asked = api.requests.map(({ path }) => path).filter((path) => path.startsWith("/apis/"));
    expect(asked.length).toBeGreaterThan(4);
    expect(asked.every((path) => path.startsWith(`/apis/${expected}/`))).toBe(true);
  });

test("[SRC38] CALICO_API_GROUP that names no group of Calico's is refused by name", () => {
  open();
  expect(() => new KubernetesSource({ env: { CALICO_API_GROUP: "x/v1" } })).toThrow(
    /CALICO_API_GROUP: "x\/v1"/,
  );
});

test("[SRC7] policies are read on demand, of all three kinds, with what lists leave out", async () => {
  const policy = (name: string): FakeObject => ({
    metadata: { name, namespace: "shop" },
    spec: {},
  });
  api.put("/apis/networking.k8s.io/v1/networkpolicies", policy("k"));
  api.put("/apis/crd.projectcalico.org/v1/networkpolicies", policy("c"));
  api.put("/apis/crd.projectcalico.org/v1/globalnetworkpolicies", {
    metadata: { name: "g" },
    spec: {},
  });
  open();
  const { items: found } = await source.policies();
  expect(
    found.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`),
  ).toEqual([
    "networking.k8s.io/v1 NetworkPolicy k",
    "crd.projectcalico.org/v1 NetworkPolicy c",
    "crd.projectcalico.org/v1 GlobalNetworkPolicy g",
  ]);
});
