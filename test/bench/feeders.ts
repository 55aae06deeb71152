/**
 * A cluster of 100 relays that sees 20 remotes, one of 10,000 endpoints: what it costs the hub and
 * the relays that feed the others, and what a feeder that is killed costs them. The two feeders are
 * processes as they are shipped; the 98 followers share one, so that its thread does the work of 98
 * nodes.
 */
import { join } from "node:path";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import type { Home } from "../../relay/publish/home.ts";
import { rank } from "../../relay/feed/choice.ts";
import { pod, putOf } from "../support/records.ts";
import { CrowdProcess, FeederProcess, freePorts, hubSockets } from "./feeders-relays.ts";
import type { Recorded } from "./feeders-relays.ts";
import { figure, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { addEndpoints } from "./first-view.ts";
import { BenchRig } from "./rig.ts";

const RELAYS = 100;
const REMOTES = 20;
const ENDPOINTS = 10_000;
const CHANGE_MS = 50;
/** Of churn, before and after the kill. */
const AROUND_KILL_MS = 8_000;
/** After the kill: what followers are sent in that time is compared with what changed in it. */
const TAKEOVER_MS = 4_000;

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
    peers: known(address),
    peersListen: address,
  });
  const nothing = join(rig.root, "nothing");
  const feeders = await Promise.all(
    addresses
      .slice(0, 2)
      .map((one, at) => FeederProcess.start(settings(one, `feeder-${at}`), nothing)),
  );
  for (const relay of feeders) await relay.untilInSync();
  const crowd = await CrowdProcess.start(
    addresses.slice(2).map((one, at) => settings(one, `follower-${at}`)),
    nothing,
  );
  await pause(3_000);
  // Without the publisher's.
  const sockets = hubSockets(rig.hub.url) - 1;
  const name = `${RELAYS} relays, ${REMOTES} remotes`;
  yield figure(`${name}: sockets at the hub`, sockets, "", 2 * (1 + REMOTES));
  yield* killed(home, feeders[0] as FeederProcess, crowd);
  await crowd.stop();
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

/** One of the two feeders ends by SIGKILL while something changes all the time. */
async function* killed(
  home: Home,
  feeder: FeederProcess,
  crowd: CrowdProcess,
): AsyncGenerator<Figure> {
  crowd.record();
  let n = 0;
  const churn = setInterval(() => change(home, n++), CHANGE_MS);
  await pause(AROUND_KILL_MS / 4);
  // What a busy machine makes of followers that share one thread, without a kill.
  const before = await crowd.recorded();
  crowd.countBytes();
  await feeder.kill();
  await pause(TAKEOVER_MS);
  const { bytes } = await crowd.recorded();
  await pause(AROUND_KILL_MS - TAKEOVER_MS);
  clearInterval(churn);
  const { longestGapMs, deletions } = await crowd.recorded();
  const what = "feeder killed under churn";
  yield figure(`${what}: longest gap before the kill`, before.longestGapMs / 1000, "s", null);
  yield figure(`${what}: longest gap on a follower`, longestGapMs / 1000, "s", 3);
  yield figure(`${what}: deletions on all followers`, deletions, "", 0);
  yield* takenOver(what, bytes);
}

/** One of the followers has its own sockets at the hub then: it is sent nothing by a feeder. */
function* takenOver(what: string, bytes: Recorded["bytes"]): Generator<Figure> {
  const followers = bytes.filter(({ changes }) => changes > 0);
  const sum = (of: keyof Recorded["bytes"][number]): number =>
    followers.reduce((total, row) => total + row[of], 0);
  const worst = Math.max(...followers.map(({ changes, others }) => others / changes));
  const within = `${what}: sent to followers within ${TAKEOVER_MS / 1000} s`;
  progress(`${followers.length} followers, the worst ${worst.toFixed(2)} × the change`);
  yield figure(`${within}, changes, mean`, sum("changes") / followers.length, "bytes", null);
  yield figure(`${within}, all else, mean`, sum("others") / followers.length, "bytes", null);
  yield figure(`${within}, all else against the change`, sum("others") / sum("changes"), "×", 2);
}
