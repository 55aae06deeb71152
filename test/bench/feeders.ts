/**
 * A cluster of 100 relays that sees 20 remotes, one of 10,000 endpoints: what it costs the hub and
 * the relays that feed the others, and how late the others are. The two feeders are processes as
 * they are shipped. The last follower, and one more relay with a socket of its own, are in this
 * process; the other 97 followers are in one that gives way, because each has its own machine.
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
import {
  CrowdProcess,
  FeederProcess,
  freePorts,
  hubSockets,
  InProcessRelay,
} from "./feeders-relays.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { addEndpoints } from "./first-view.ts";
import { BenchRig } from "./rig.ts";

const RELAYS = 100;
/** All but the two that feed. */
const FOLLOWERS = RELAYS - 2;
const REMOTES = 20;
const ENDPOINTS = 10_000;
const CHANGES = 100;
const CHANGE_MS = 50;
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
  const following = addresses
    .slice(2)
    .map((one, at) => settings(one, `follower-${at}`))
    .toReversed();
  const [lastSettings = settings("", ""), ...others] = following;
  const crowd = await CrowdProcess.start(others, nothing);
  // It has come last, so that the feeder sends to it last.
  const last = await InProcessRelay.start(lastSettings, nothing);
  await last.untilInSync();
  await pause(3_000);
  const more = Math.max(...feeders.map(({ pid }) => residentBytes(pid))) - residentBytes(alone.pid);
  // The publisher's, and those of the two relays that are by themselves.
  const sockets = hubSockets(rig.hub.url) - 1 - 2 * (1 + REMOTES);
  await alone.stop();
  const name = `${RELAYS} relays, ${REMOTES} remotes`;
  yield figure(`${name}: sockets at the hub`, sockets, "", 2 * (1 + REMOTES));
  yield figure(
    `feeder of ${FOLLOWERS} at ${ENDPOINTS} endpoints: memory over one without`,
    more / 1e6,
    "MB",
    64,
  );
  yield* latencies(home, own, last);
  yield* killed(home, feeders[0] as FeederProcess, crowd);
  await Promise.all([own, last, crowd].map((relay) => relay.stop()));
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
  follower: InProcessRelay,
): AsyncGenerator<Figure> {
  const [alone, last]: [number[], number[]] = [[], []];
  for (let n = 0; n < CHANGES; n++) {
    const heard = [own, follower].map((relay) => relay.nextChange());
    const began = performance.now();
    change(home, n);
    const [byItself = 0, followed = 0] = await Promise.all(heard);
    alone.push(byItself - began);
    last.push(followed - began);
    await pause(CHANGE_MS);
  }
  for (const [label, q] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    const [theirs, mine] = [quantile(last, q), quantile(alone, q)];
    yield figure(`change → a relay with a socket of its own, ${label}`, mine, "ms", null);
    yield figure(`change → the last of ${FOLLOWERS} followers, ${label}`, theirs, "ms", null);
    yield figure(`the last against the one by itself, ${label}`, theirs / mine, "×", 2);
  }
}

/** One of the two feeders ends by SIGKILL while something changes all the time. */
async function* killed(
  home: Home,
  feeder: FeederProcess,
  crowd: CrowdProcess,
): AsyncGenerator<Figure> {
  crowd.record();
  let n = CHANGES;
  const churn = setInterval(() => change(home, n++), CHANGE_MS);
  await pause(AROUND_KILL_MS / 4);
  await feeder.kill();
  await pause(AROUND_KILL_MS);
  clearInterval(churn);
  const { longestGapMs, deletions } = await crowd.recorded();
  const what = "feeder killed under churn";
  yield figure(`${what}: longest gap on a follower`, longestGapMs / 1000, "s", 3);
  yield figure(`${what}: deletions on all followers`, deletions, "", 0);
}
