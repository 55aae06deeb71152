import { afterEach, expect, test } from "vitest";

import { isJsonObject } from "../../../relay/kube/kube-object.ts";
import type { Transport } from "../../../relay/kube/transport.ts";
import type { KubeApi } from "../../../relay/services/slice-api.ts";
import { SliceWriter } from "../../../relay/services/slice-writer.ts";
import { WriteLoop } from "../../../relay/services/write-loop.ts";
import { WriteQueue } from "../../../relay/services/write-queue.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { FakeSliceApi } from "../../support/fake-slice-api.ts";
import { endpoint, FederatedWorld, fillable, service } from "../../support/federated.ts";

const running: { readonly writer: SliceWriter; readonly loop: WriteLoop }[] = [];

afterEach(async () => {
  for (const { writer, loop } of running.splice(0)) {
    await loop.stop();
    writer.stop();
  }
});

const NOW = { retryAfterSeconds: 0 };
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

function start(
  world: FederatedWorld,
  api: Transport & KubeApi,
  isHeld = true,
  clock: { readonly nowMs: number } | null = null,
) {
  const now = (): number => clock?.nowMs ?? performance.now();
  const warned: unknown[] = [];
  const warn = ({ message }: { readonly message?: unknown }): unknown => warned.push(message);
  const lease = {
    isHeld,
    holder: "me",
    start: () => undefined,
    stop: () => Promise.resolve(),
  };
  const loop = new WriteLoop({ lease, log: { warn }, now });
  const writer = new SliceWriter({
    services: world.services,
    transport: api,
    loop,
    log: LOG,
    isReady: () => true,
    now,
    wallMs: () => Date.now(),
  });
  running.push({ writer, loop });
  writer.start();
  return { writer, loop, lease, warned };
}

const atRest = (...loops: readonly WriteLoop[]): Promise<unknown> =>
  eventually(
    () => Promise.resolve(loops.every(({ isAtRest }) => isAtRest)),
    (is) => is,
  );

function world(): FederatedWorld {
  const made = new FederatedWorld();
  made.ask(fillable("app == 'db'"));
  made.put("b", service("pg", { app: "db" }), endpoint("pg", "10.2.0.1"));
  return made;
}

/** Addresses of all slices. */
function addresses(api: FakeSliceApi): string[] {
  return api
    .slices()
    .flatMap(({ endpoints }) => (Array.isArray(endpoints) ? (endpoints as unknown[]) : []))
    .flatMap((each) => (isJsonObject(each) ? String(each["addresses"]) : []))
    .toSorted();
}

const until = (api: FakeSliceApi, ...ips: readonly string[]): Promise<unknown> =>
  eventually(
    () => Promise.resolve(addresses(api).join(" ")),
    (now) => now === ips.join(" "),
  );

test("[SVC25] the slices follow, one write a change, none while nothing changes", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const { loop } = start(made, api);
  await until(api, "10.2.0.1");
  made.put("b", endpoint("pg", "10.2.0.2"));
  await until(api, "10.2.0.1", "10.2.0.2");
  made.put("b", endpoint("pg", "10.2.0.2"));
  made.put("b", service("pg", { app: "db", more: "labels" }));
  await atRest(loop);
  expect(api.sliceWrites()).toEqual(["POST", "PUT"]);
  made.ask(null);
  await until(api);
  expect(api.sliceWrites()).toEqual(["POST", "PUT", "DELETE"]);
});

test("[SVC25] 409 is read and planned again, 429, 500 and 403 are tried again: nothing is lost", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const status = (code: number) => ({ status: code, body: "{}", retryAfterSeconds: 0 });
  api.failures.push(status(500), status(429), status(403), status(409));
  const { writer } = start(made, api);
  await until(api, "10.2.0.1");
  // Somebody's hand, and then the very same version again.
  const [path = ""] = [...api.objects.keys()].filter((key) => key.includes("endpointslices"));
  const slice = api.objects.get(path);
  api.put(path, { ...slice, endpoints: [{ addresses: ["10.9.9.9"] }] });
  await until(api, "10.2.0.1");
  expect(writer.condition("shop/db")).toEqual({ kind: "written" });
});

test("[SVC23] a writer that ends between two writes leaves nothing behind that the next does not take up, and no moment without a ready endpoint", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  for (let i = 0; i < 250; i++) made.put("b", endpoint("pg", `10.2.1.${i}`));
  const first = start(made, api);
  api.onWrite = () => {
    if (api.sliceWrites().length === 2) first.lease.isHeld = false;
  };
  await eventually(
    () => Promise.resolve(api.sliceWrites().length),
    (count) => count === 2,
  );
  made.put("b", endpoint("pg", "10.2.2.1"));
  made.delete("b", endpoint("pg", "10.2.0.1"));
  const stay = new Set(addresses(api).filter((ip) => ip !== "10.2.0.1"));
  api.onWrite = () => {
    const now = new Set(addresses(api));
    for (const ip of stay) if (!now.has(ip)) throw new Error(`${ip} was missing`);
  };
  start(made, api);
  await eventually(
    () => Promise.resolve(addresses(api)),
    (now) => now.length === 251 && now.includes("10.2.2.1") && !now.includes("10.2.0.1"),
  );
  expect(new Set(addresses(api)).size).toBe(251);
});

test("[SVC11] a bad selector: our slices of that Service go, and an Event on it names the column", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  start(made, api);
  await until(api, "10.2.0.1");
  made.ask(fillable("app = 'db'"));
  await until(api);
  const events = api.requests.filter(({ path }) => path.endsWith("/events"));
  expect(events.map(({ body }) => [body["reason"], body["type"]])).toEqual([
    ["BadSelector", "Warning"],
  ]);
  expect(String(events[0]?.body["message"])).toMatch(/\d/);
});

test("[SVC11] an Event that the API server refuses is written later, and our slices go all the same", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  start(made, api);
  await until(api, "10.2.0.1");
  api.failures.push({ status: 429, body: "{}", retryAfterSeconds: 0 });
  made.ask(fillable("app = 'db'"));
  await until(api);
  const events = (): number => api.requests.filter(({ path }) => path.endsWith("/events")).length;
  await eventually(
    () => Promise.resolve(events()),
    (count) => count === 2,
  );
  const told = [...api.objects.keys()].filter((path) => path.includes("/events/"));
  expect(told).toHaveLength(1);
});

test("[SVC25] a namespace that is not there, or not any more: the cause is told, and nothing is left when the Service goes", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const body = JSON.stringify({ kind: "Status", message: 'namespaces "shop" not found' });
  api.failures.push(...Array.from({ length: 50 }, () => ({ status: 404, body, ...NOW })));
  const { writer, loop } = start(made, api);
  await eventually(
    () => Promise.resolve(writer.condition("shop/db")),
    (condition) => condition?.kind === "failing" && condition.message.includes("not found"),
  );
  made.ask(null);
  await atRest(loop);
  expect(writer.condition("shop/db")).toBeNull();
  expect(api.slices()).toEqual([]);
});

test("[SVC26] Endpoints that would be mirrored: nothing is written, and the command that ends it is named", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const path = "/api/v1/namespaces/shop/endpoints/db";
  api.put(path, { metadata: { name: "db" }, subsets: [{ addresses: [{ ip: "10.2.0.1" }] }] });
  const { writer } = start(made, api);
  await eventually(
    () => Promise.resolve(writer.condition("shop/db")),
    (condition) => condition?.kind === "foreign" && condition.message.includes("kubectl label"),
  );
  expect(api.sliceWrites()).toEqual([]);
  const labels = { "endpointslice.kubernetes.io/skip-mirror": "true" };
  api.put(path, { metadata: { name: "db", labels }, subsets: [{}] });
  made.put("b", endpoint("pg", "10.2.0.2"));
  await until(api, "10.2.0.1", "10.2.0.2");
});

test("[SVC26] a Service that is made anew is looked at anew: Endpoints that came meanwhile are in the way", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const { writer } = start(made, api);
  await until(api, "10.2.0.1");
  const path = "/api/v1/namespaces/shop/endpoints/db";
  api.put(path, { metadata: { name: "db" }, subsets: [{ addresses: [{ ip: "10.2.0.1" }] }] });
  const again = fillable("app == 'db'");
  // Deleted and made again before the writer has looked once.
  made.ask(null);
  made.ask({ ...again, metadata: { ...(again["metadata"] as object), uid: "uid-2" } });
  await eventually(
    () => Promise.resolve(writer.condition("shop/db")),
    (condition) => condition?.kind === "foreign",
  );
});

test("[SVC30] who does not hold the Lease writes nothing; a slice that is not ours is not touched", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const foreign = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/theirs";
  const labels = { "kubernetes.io/service-name": "db" };
  api.put(foreign, { metadata: { name: "theirs", namespace: "shop", labels }, endpoints: [] });
  const { writer, lease } = start(made, api, false);
  await eventually(
    () => Promise.resolve(api.isWatched),
    (is) => is,
  );
  writer.wake();
  expect(api.sliceWrites()).toEqual([]);
  lease.isHeld = true;
  writer.wake();
  await until(api, "10.2.0.1");
  made.ask(null);
  await until(api);
  expect([...api.objects.keys()].filter((key) => key.includes("slices/"))).toEqual([foreign]);
});

test("[SVC30] two writers at once, for a Lease was lost in the middle: no endpoint twice, none missing, and both come to rest", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  for (let i = 0; i < 250; i++) made.put("b", endpoint("pg", `10.2.1.${i}`));
  const [one, other] = [start(made, api), start(made, api)];
  await eventually(
    () => Promise.resolve(addresses(api).length),
    (count) => count === 251,
  );
  made.delete("b", endpoint("pg", "10.2.1.7"));
  made.put("b", endpoint("pg", "10.2.3.1"));
  await eventually(
    () => Promise.resolve(addresses(api)),
    (now) => now.length === 251 && now.includes("10.2.3.1") && !now.includes("10.2.1.7"),
  );
  expect(new Set(addresses(api)).size).toBe(251);
  await atRest(one.loop, other.loop);
  const { length } = api.sliceWrites();
  for (const { writer } of [one, other]) writer.wake();
  await atRest(one.loop, other.loop);
  expect(api.sliceWrites().length).toBe(length);
});

test("[SVC30] a write that is under way when the Lease is lost comes too late: the other's stands, and it is not sent again", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  let arrive: () => void = () => undefined;
  let way = Promise.resolve();
  const late = { sent: 0 };
  const one = start(made, {
    get: (path) => api.get(path),
    watch: (path, handlers) => api.watch(path, handlers),
    send: async (method, path, body) => {
      late.sent++;
      await way;
      return api.send(method, path, body);
    },
  });
  await until(api, "10.2.0.1");
  await atRest(one.loop);
  way = new Promise((resolve) => (arrive = resolve));
  late.sent = 0;
  made.put("b", endpoint("pg", "10.2.0.2"));
  await eventually(
    () => Promise.resolve(late.sent),
    (sent) => sent === 1,
  );
  one.lease.isHeld = false;
  const other = start(made, api);
  await until(api, "10.2.0.1", "10.2.0.2");
  made.delete("b", endpoint("pg", "10.2.0.1"));
  await until(api, "10.2.0.2");
  await atRest(other.loop);
  const before = api.sliceWrites().length;
  arrive();
  await eventually(
    () => Promise.resolve(api.sliceWrites().length),
    (count) => count === before + 1,
  );
  made.put("b", endpoint("pg", "10.2.0.3"));
  await until(api, "10.2.0.2", "10.2.0.3");
  expect(late.sent).toBe(1);
});

test("[SVC25] the first change at once, those of the next 500 ms together, 30 in a burst, then 20 a second, by turns", () => {
  const queue = new WriteQueue();
  queue.add("a", 1_000);
  expect(queue.next(1_000)).toEqual({ kind: "turn", key: "a" });
  queue.spend("a", 1_000);
  queue.again("a", 1_300);
  expect(queue.next(1_300)).toEqual({ kind: "turn", key: "a" });
  queue.done("a", 1_300);
  queue.add("a", 1_310);
  queue.add("a", 1_400);
  expect(queue.next(1_400)).toEqual({ kind: "wait", ms: 100 });
  expect(queue.next(1_500)).toEqual({ kind: "turn", key: "a" });
  expect(queue.next(1_500)).toEqual({ kind: "idle" });
  for (const key of ["big", "small"]) queue.add(key, 10_000);
  const turns: string[] = [];
  for (let i = 0; i < 30; i++) {
    const next = queue.next(10_000);
    if (next.kind !== "turn") throw new Error(next.kind);
    turns.push(next.key);
    queue.spend(next.key, 10_000);
    if (next.key === "big") queue.again("big", 10_000);
  }
  expect(turns.slice(0, 3)).toEqual(["big", "small", "big"]);
  expect(queue.next(10_000)).toEqual({ kind: "wait", ms: 50 });
  expect(queue.next(10_050)).toEqual({ kind: "turn", key: "big" });
});

test("[SVC27] a look that finds nothing to write keeps the change after it for 100 ms, not for 500", () => {
  const queue = new WriteQueue();
  queue.add("a", 1_000);
  expect(queue.next(1_000)).toEqual({ kind: "turn", key: "a" });
  queue.done("a", 1_000);
  queue.add("a", 1_020);
  expect(queue.next(1_020)).toEqual({ kind: "wait", ms: 80 });
  expect(queue.next(1_100)).toEqual({ kind: "turn", key: "a" });
  queue.spend("a", 1_100);
  queue.done("a", 1_110);
  queue.add("a", 1_120);
  expect(queue.next(1_120)).toEqual({ kind: "wait", ms: 480 });
});

test("[SVC27] what an API server asks with Retry-After is done, and told by the log and by the condition", async () => {
  const [made, api] = [world(), new FakeSliceApi()];
  const body = JSON.stringify({ kind: "Status", message: "too many requests", code: 429 });
  api.failures.push({ status: 429, body, retryAfterSeconds: 7 });
  const clock = { nowMs: 1_000 };
  const { writer, loop, warned } = start(made, api, true, clock);
  await eventually(
    () => Promise.resolve(writer.condition("shop/db")?.kind),
    (kind) => kind === "failing",
  );
  const message = "429 too many requests (not asked again for 7 s: Retry-After)";
  expect(writer.condition("shop/db")).toEqual({ kind: "failing", message });
  expect(warned).toEqual([message]);
  clock.nowMs += 6_999;
  made.put("b", endpoint("pg", "10.2.0.2"));
  expect(loop.isAtRest).toBe(false);
  expect(api.sliceWrites()).toEqual(["POST"]);
  clock.nowMs += 1;
  made.put("b", endpoint("pg", "10.2.0.3"));
  await until(api, "10.2.0.1", "10.2.0.2", "10.2.0.3");
  expect(api.sliceWrites()).toEqual(["POST", "POST"]);
});
