/**
 * A relay that feeds 98 others which see 100,000 endpoints: how late a change is at the last of
 * them, beside a relay with a socket of its own, and the feeder's memory beside that of a relay
 * which feeds nobody. The last follower is in this process; the other 97 are light ones in one that
 * gives way.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { rank } from "../../relay/feed/choice.ts";
import type { Home } from "../../relay/publish/home.ts";
import { pod, putOf } from "../support/records.ts";
import { residentBytes } from "./cpu.ts";
import { FeederProcess, freePorts, InProcessRelay } from "./feeders-relays.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { addEndpoints } from "./first-view.ts";
import type { LightFollowersOf } from "./light-followers.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 100_000;
const FOLLOWERS = 98;
const CHANGES = 500;
const CHANGE_MS = 50;
/** Of the feeder's memory; the largest counts. */
const SAMPLES = 10;

export async function* benchFeederOfMany(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  const ports = await freePorts(3);
  const addresses = rank(
    rig.reader?.membership?.cluster.uid ?? "",
    ports.map((port) => `127.0.0.1:${port}`),
  );
  const nothing = join(rig.root, "nothing");
  const settings = (state: string, peersListen?: string): Readonly<Record<string, string>> => ({
    hub: rig.hub.url,
    identity: join(rig.root, "r"),
    state: join(rig.root, state),
    ...(peersListen === undefined ? {} : { peers: addresses.join(","), peersListen }),
  });
  const alone = await FeederProcess.start(settings("alone"), nothing);
  const feeders = await Promise.all(
    addresses
      .slice(0, 2)
      .map((one, at) => FeederProcess.start(settings(`feeder-${at}`, one), nothing)),
  );
  const own = await InProcessRelay.start(settings("own"), nothing);
  for (const relay of [alone, own, ...feeders]) await relay.untilInSync();
  const [feeder] = feeders;
  const light = await startLight({
    settings: { ...settings("light", addresses[2]), manifests: nothing },
    count: FOLLOWERS - 1,
    feeder: addresses[0] ?? "",
    originUid: rig.origin?.membership?.cluster.uid ?? "",
  });
  // It has come last, so that the feeder sends to it last.
  const last = await InProcessRelay.start(settings("last", addresses[2]), nothing);
  await last.untilInSync();
  const memory = (): number => residentBytes(feeder?.pid ?? 0) - residentBytes(alone.pid);
  yield* measured(home, own, last, memory);
  light.disconnect();
  await Promise.all([alone, own, last, ...feeders].map((relay) => relay.stop()));
  await rig.stop();
}

async function* measured(
  home: Home,
  own: InProcessRelay,
  last: InProcessRelay,
  memory: () => number,
): AsyncGenerator<Figure> {
  const [byItself, followed, more]: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < CHANGES; n++) {
    const heard = [own, last].map((relay) => relay.nextChange());
    const began = performance.now();
    home.publisher.onSource([putOf(pod("moving", "10.200.0.1", { at: String(n) }))]);
    const [first = 0, second = 0] = await Promise.all(heard);
    byItself.push(first - began);
    followed.push(second - began);
    await sleep(CHANGE_MS);
    if (n % (CHANGES / SAMPLES) === 0) more.push(memory());
  }
  const what = `feeder of ${FOLLOWERS} at ${ENDPOINTS} endpoints`;
  yield figure(`${what}: memory over one without`, Math.max(...more) / 1e6, "MB", 64);
  for (const [label, q] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    const [theirs, mine] = [quantile(followed, q), quantile(byItself, q)];
    yield figure(`${what}: change → a relay with a socket of its own, ${label}`, mine, "ms", null);
    yield figure(`${what}: change → the last follower, ${label}`, theirs, "ms", null);
    yield figure(`${what}: the last against the one by itself, ${label}`, theirs / mine, "×", 2);
  }
}

async function startLight(of: LightFollowersOf): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, "light-followers.ts"), [JSON.stringify(of)]);
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the light followers ended with ${code}`)));
  });
  return child;
}
