/**
 * A cluster of 100 relays that sees 20 remotes, one of 10,000 endpoints: what it costs the hub and
 * the relays that feed the others, and how late the others are. The two feeders are processes as
 * they are shipped; the 98 followers, and one more relay with a socket of its own, share this
 * process, so that its thread does the work of 99 nodes: what it adds is in every latency here.
 */
import { join } from "node:path";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import type { Home } from "../../relay/publish/home.ts";
import { rank } from "../../relay/feed/choice.ts";
import { pod, putOf } from "../support/records.ts";
import { residentBytes } from "./cpu.ts";
import { FeederProcess, freePorts, hubSockets, InProcessRelay } from "./feeders-relays.ts";
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { addEndpoints } from "./first-view.ts";
import { BenchRig } from "./rig.ts";

const RELAYS = 100;
const REMOTES = 20;
const ENDPOINTS = 10_000;
const CHANGES = 100;
const CHANGE_MS = 50;
/** Followers that are started at once. */
const AT_ONCE = 20;
/** Of churn, before and after the kill. */
const AROUND_KILL_MS = 8_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function* benchFeeders(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  await addRemotes(rig);
  const ports = await freePorts(RELAYS);
  const uid = rig.reader?.membership?.cluster.uid ?? "";
  const addresses = rank(
    uid,
    ports.map((port) => `127.0.0.1:${port}`),
  );
  // `--peers` takes 64, where a Service has all; nobody looks further than the first eight.
  const known = (own: string) => [...new Set([...addresses.slice(0, 10), own])].join(",");
  const settings = (address: string, state: string) => ({
    hub: rig.hub.url,
    identity: join(rig.root, "r"),
    state: join(rig.root, state),
    ...(address === "" ? {} : { peers: known(address), peersListen: address }),
  });
  const nothing = join(rig.root, "nothing");
  const own = await InProcessRelay.start(settings("", "own"), nothing);
  // As old as the feeders, and followed by nobody.
  const alone = await FeederProcess.start(settings("", "alone"), nothing);
  const feeders = await Promise.all(
    addresses
      .slice(0, 2)
      .map((one, at) => FeederProcess.start(settings(one, `feeder-${at}`), nothing)),
  );
  for (const relay of [own, alone, ...feeders]) await relay.untilInSync();
  const waiting = addresses.slice(2).map((one, at) => ({ one, state: `follower-${at}` }));
  const followers: InProcessRelay[] = [];
  const start = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const relay = await InProcessRelay.start(settings(next.one, next.state), nothing);
      await relay.untilInSync();
      followers.push(relay);
      if (followers.length % 10 === 0) progress(`${followers.length} followers`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, start));
  await pause(3_000);
  const more = Math.max(...feeders.map(({ pid }) => residentBytes(pid))) - residentBytes(alone.pid);
  // The publisher's, and those of the two relays that are by themselves.
  const sockets = hubSockets(rig.hub.url) - 1 - 2 * (1 + REMOTES);
  await alone.stop();
  const name = `${RELAYS} relays, ${REMOTES} remotes`;
  yield figure(`${name}: sockets at the hub`, sockets, "", 2 * (1 + REMOTES));
  yield figure(
    `feeder of ${followers.length} at ${ENDPOINTS} endpoints: memory over one without`,
    more / 1e6,
    "MB",
    64,
  );
  yield* latencies(home, own, followers);
  yield* killed(home, feeders[0] as FeederProcess, followers);
  await Promise.all([own, ...followers].map((relay) => relay.stop()));
  await feeders[1]?.stop();
  await rig.stop();
}

async function addRemotes(rig: BenchRig): Promise<void> {
  const admin = rig.admin("bench");
  const params = { mesh: "bench" };
  for (let n = 1; n < REMOTES; n++) {
    const name = `o${n}`;
    await admin.call(addCluster, { params, body: { name } });
    await admin.call(applyRcc, {
      params: { ...params, cluster: "r", rcc: name },
      body: memberRcc(name),
    });
    await admin.call(createGrant, { params, body: { origin: name, reader: "r" } });
  }
}

/** One endpoint more, or changed. */
function change({ publisher }: Home, at: number): void {
  publisher.onSource([putOf(pod("moving", "10.200.0.1", { at: String(at) }))]);
}

async function* latencies(
  home: Home,
  own: InProcessRelay,
  followers: readonly InProcessRelay[],
): AsyncGenerator<Figure> {
  const [alone, nearest, last]: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < CHANGES; n++) {
    const heard = [own, ...followers].map((relay) => relay.nextChange());
    const began = performance.now();
    change(home, n);
    const [first = 0, ...others] = await Promise.all(heard);
    alone.push(first - began);
    nearest.push(Math.min(...others) - began);
    last.push(Math.max(...others) - began);
    await pause(CHANGE_MS);
  }
  progress(`own p50 ${median(alone).toFixed(1)} ms, p99 ${quantile(alone, 0.99).toFixed(1)} ms`);
  for (const [label, q] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    const [theirs, mine] = [quantile(last, q), quantile(alone, q)];
    // What the hop costs; what the last waits for besides is this thread's work for the others.
    yield figure(
      `change → the first of ${followers.length} followers, against a socket of its own, ${label}`,
      quantile(nearest, q) / mine,
      "×",
      null,
    );
    yield figure(
      `change → the last of ${followers.length} followers, ${label}`,
      theirs,
      "ms",
      null,
    );
    yield figure(
      `the same against a relay with a socket of its own, ${label}`,
      theirs / mine,
      "×",
      2,
    );
  }
}

/** One of the two feeders ends by SIGKILL while something changes all the time. */
async function* killed(
  home: Home,
  feeder: FeederProcess,
  followers: readonly InProcessRelay[],
): AsyncGenerator<Figure> {
  for (const relay of followers) relay.record();
  let n = CHANGES;
  const churn = setInterval(() => change(home, n++), CHANGE_MS);
  await pause(AROUND_KILL_MS / 4);
  await feeder.kill();
  await pause(AROUND_KILL_MS);
  clearInterval(churn);
  const recorded = followers.map((relay) => relay.recorded());
  const gaps = recorded.map(({ times }) =>
    Math.max(...times.slice(1).map((at, i) => at - (times[i] ?? at))),
  );
  const deletions = recorded.reduce((sum, { deletions: count }) => sum + count, 0);
  yield figure(
    "feeder killed under churn: longest gap on a follower",
    Math.max(...gaps) / 1000,
    "s",
    3,
  );
  yield figure("feeder killed under churn: deletions on all followers", deletions, "", 0);
}
