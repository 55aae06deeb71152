/**
 * Every relay of a mesh loses its hub in the same moment, as by a deploy or a crash, and comes
 * back.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { adminOf } from "../support/hub-api.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { Home } from "../../relay/publish/home.ts";
import { HubLink } from "../../relay/hub/link.ts";
import { NODE_PORTS } from "../../relay/hub/relay-ports.ts";
import type { RelayPorts } from "../../relay/hub/relay-ports.ts";
import { startHub } from "../../cli/launch/hub.ts";
import type { RunningHub } from "../../cli/launch/hub.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import { eventually } from "../support/mesh-rig.ts";
import { pod, putOf } from "../support/records.ts";
import { rounds } from "../support/rounds.ts";
import { workerdBelow } from "./small-disk.ts";

const RELAYS = rounds(60, 500);
/** Read by all the others, in equal parts. */
const POPULAR = 10;
const PODS = 200;
const root = mkdtempSync(join(tmpdir(), "catwalk-storm-"));
let hub: RunningHub;
/** Names of the calls that reached the Mesh object. */
const meshCalls: string[] = [];
/** Types of the messages that relays got. */
const got = new Map<string, number>();
/** When each dial after the loss began, in ms since it. */
const dialsMs: number[] = [];
let lostMs = Number.POSITIVE_INFINITY;

interface StormRelay {
  readonly home: Home;
  readonly watcher: Watcher;
  readonly view: RemoteView;
}
const relays: StormRelay[] = [];

beforeAll(async () => {
  const workerBundle = join(root, "worker.js");
  await build({
    entryPoints: [join(import.meta.dirname, "../workerd/counting-worker.ts")],
    outfile: workerBundle,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import"],
    external: ["node:*", "cloudflare:*"],
  });
  hub = await startHub({
    listen: "127.0.0.1:0",
    dataDir: join(root, "hub"),
    workerBundle,
    log: (line) => {
      const call = /^mesh-call (\w+)/.exec(line)?.[1];
      if (call !== undefined) meshCalls.push(call);
    },
  });
  const admin = adminOf(hub, "m");
  await admin.call(createMesh, { body: { name: "m" } });
  const members: Credentials[] = [];
  for (let n = 0; n < RELAYS; n++) members.push(await join_(n));
  for (const [n, member] of members.entries()) {
    const origin = n % POPULAR === n ? (n + 1) % POPULAR : n % POPULAR;
    await admin.call(applyRcc, {
      params: { mesh: "m", cluster: `c${n}`, rcc: "remote" },
      body: {
        ...memberRcc("remote"),
        metadata: { name: "remote", annotations: { "catwalk.dev/remote-cluster": `c${origin}` } },
      },
    });
    await admin.call(createGrant, {
      params: { mesh: "m" },
      body: { origin: `c${origin}`, reader: `c${n}` },
    });
    relays.push(startRelay(n, member, members[origin] as Credentials));
  }
  await untilInSync();
});

afterAll(async () => {
  for (const { home, watcher, view } of relays) {
    home.stop();
    watcher.stop();
    view.close();
  }
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

async function join_(n: number): Promise<Credentials> {
  const { joinToken } = await adminOf(hub, "m").call(addCluster, {
    params: { mesh: "m" },
    body: { name: `c${n}`, cidrs: [`10.${n >> 8}.${n & 255}.0/24`] },
  });
  const credentials = await Credentials.open(join(root, `c${n}`));
  await credentials.join(hub.url, joinToken);
  return credentials;
}

/** The real link, with a note of when it dials and of what it gets. */
const ports: RelayPorts = {
  ...NODE_PORTS,
  dial: (options) =>
    new HubLink({
      ...options,
      headers: () => {
        if (performance.now() > lostMs) dialsMs.push(performance.now() - lostMs);
        return options.headers();
      },
      handlers: {
        onOpen: () => options.handlers.onOpen(),
        onDown: (reason, message) => options.handlers.onDown(reason, message),
        onMessage: (message, bytes) => {
          got.set(message.type, (got.get(message.type) ?? 0) + 1);
          options.handlers.onMessage(message, bytes);
        },
      },
    }),
};

function startRelay(n: number, self: Credentials, origin: Credentials): StormRelay {
  const base = hub.url.replace("http", "ws");
  const local = new LocalState();
  if (n < POPULAR)
    for (let p = 0; p < PODS; p++) local.applyChange(putOf(pod(`p${p}`, `10.0.${n}.${p + 1}`)));
  const home = new Home({
    url: `${base}/v1/connect/home`,
    local,
    headers: () => self.headers(),
    onRefused: () => undefined,
    accessVersion: () => 0,
    onAccess: () => undefined,
    onDown: () => undefined,
    onUp: () => undefined,
    ports,
  });
  home.publisher.onListed();
  home.start();
  const { uid, name } = origin.membership?.cluster ?? { uid: "", name: "" };
  const view = new RemoteView(new ViewFile(join(root, `c${n}`, "remote.view")), {
    rcc: "remote",
    meshId: self.membership?.meshId ?? "",
    originUid: uid,
    originName: name,
  });
  const handlers = {
    onChanges: () => undefined,
    onState: () => undefined,
    onDown: () => undefined,
  };
  const url = `${base}/v1/connect/watch/${uid}`;
  const watcher = new Watcher(view, url, () => self.headers(), handlers, ports);
  watcher.start();
  return { home, watcher, view };
}

function isBack({ home, watcher, view }: StormRelay): boolean {
  return (
    home.publisher.status().phase === "reconciled" &&
    watcher.isOpen &&
    watcher.isTold &&
    view.isInSync &&
    view.size >= PODS
  );
}

async function untilInSync(): Promise<void> {
  await eventually(
    () => Promise.resolve(relays.filter((relay) => !isBack(relay)).length),
    (missing) => missing === 0,
  );
}

test(`[FLT5] ${RELAYS} relays lose their hub in one moment: they come back spread out, get nothing they have, and the Mesh is asked once an Origin, never by a connection`, async () => {
  const acceptedBefore = relays.map(({ home }) => home.publisher.status().acceptedFrames);
  meshCalls.length = 0;
  got.clear();
  lostMs = performance.now();
  process.kill(workerdBelow(hub.pid() ?? 0), "SIGKILL");
  await eventually(
    () => Promise.resolve(relays.some(({ home, watcher }) => home.isOpen || watcher.isOpen)),
    (isSomeOpen) => !isSomeOpen,
  );
  await untilInSync();

  for (const type of ["blob", "repair-plan", "repair-needed", "frame", "catch-up", "accepted"])
    expect({ type, count: got.get(type) ?? 0 }).toEqual({ type, count: 0 });
  expect(relays.map(({ home }) => home.publisher.status().acceptedFrames)).toEqual(acceptedBefore);
  expect(got.get("watch-welcome")).toBeGreaterThanOrEqual(RELAYS);

  // An Origin that starts asks once, however many sockets it gets.
  const calls = meshCalls.filter((name) => name === "pullFacts");
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.length).toBeLessThanOrEqual(RELAYS);
  // No connection asks. An alarm is the Mesh's own; health changes where a slow machine takes
  // longer to come back than an Origin waits.
  const others = new Set(meshCalls.filter((name) => name !== "pullFacts"));
  expect([...others].filter((name) => name !== "alarm" && name !== "noteHealth")).toEqual([]);
  expect(got.get("home-welcome")! + got.get("watch-welcome")!).toBeGreaterThanOrEqual(2 * RELAYS);

  // The first dial of each of 2 × RELAYS sockets: uniform over 250 ms, so that no twentieth of that
  // sees a crowd.
  const first = dialsMs.slice(0, 2 * RELAYS);
  const buckets = Object.values(Object.groupBy(first, (ms) => Math.floor(ms / 25)));
  const most = Math.max(...buckets.map((bucket) => bucket?.length ?? 0));
  // A busy machine bunches them; without jitter all would be in one.
  expect(most).toBeLessThan(first.length * 0.8);
  process.stdout.write(
    `storm: ${2 * RELAYS} sockets back in sync ${Math.round(performance.now() - lostMs)} ms after the kill, ${dialsMs.length} dials, at most ${most} in 25 ms, ${calls.length} calls of the Mesh\n`,
  );
});
