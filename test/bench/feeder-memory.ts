/**
 * A relay that feeds 98 others which see 100,000 endpoints: its memory beside that of a relay which
 * feeds nobody, after all of them were repaired and while something changes.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { readConfig } from "../../relay/config/relay-config.ts";
import { rank } from "../../relay/feed/choice.ts";
import type { Credentials } from "../../relay/hub/credentials.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { PeerFeedNet } from "../../relay/peers/feed-net.ts";
import { pod, putOf } from "../support/records.ts";
import { residentBytes } from "./cpu.ts";
import { FeederProcess, freePorts } from "./feeders-relays.ts";
import { figure, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { addEndpoints } from "./first-view.ts";
import { LightFollower } from "./light-follower.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 100_000;
const FOLLOWERS = 98;
const CHANGES = 500;
const CHANGE_MS = 20;
/** Of which the largest resident size counts. */
const SAMPLES = 10;

export async function* benchFeederMemory(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  const reader = rig.reader as Credentials;
  const ports = await freePorts(2);
  const addresses = rank(
    reader.membership?.cluster.uid ?? "",
    ports.map((port) => `127.0.0.1:${port}`),
  );
  const [feeding = "", other = ""] = addresses;
  const nothing = join(rig.root, "nothing");
  const common = { hub: rig.hub.url, identity: join(rig.root, "r") };
  const peers = { peers: addresses.join(","), peersListen: feeding };
  const alone = await FeederProcess.start({ ...common, state: join(rig.root, "alone") }, nothing);
  const feeder = await FeederProcess.start(
    { ...common, ...peers, state: join(rig.root, "feeder") },
    nothing,
  );
  for (const relay of [alone, feeder]) await relay.untilInSync();
  const net = netOf({ ...common, ...peers, peersListen: other, state: rig.root }, nothing, reader);
  const uid = rig.origin?.membership?.cluster.uid ?? "";
  const followers = Array.from({ length: FOLLOWERS }, () => new LightFollower(net, feeding, uid));
  await Promise.all(followers.map(({ inSync }) => inSync));
  progress(`${FOLLOWERS} followers are in sync`);
  const more: number[] = [];
  for (let n = 0; n < CHANGES; n++) {
    home.publisher.onSource([putOf(pod("moving", "10.200.0.1", { at: String(n) }))]);
    await sleep(CHANGE_MS);
    if (n % (CHANGES / SAMPLES) === 0)
      more.push(residentBytes(feeder.pid) - residentBytes(alone.pid));
  }
  yield figure(
    `feeder of ${FOLLOWERS} at ${ENDPOINTS} endpoints: memory over one without`,
    Math.max(...more) / 1e6,
    "MB",
    64,
  );
  for (const follower of followers) follower.stop();
  net.stop();
  await Promise.all([alone, feeder].map((relay) => relay.stop()));
  await rig.stop();
}

function netOf(
  settings: Readonly<Record<string, string>>,
  manifests: string,
  credentials: Credentials,
): PeerFeedNet {
  const read = readConfig({ ...settings, manifests }, {}, null);
  const net = read.ok
    ? PeerFeedNet.of(read.config, credentials, newLogger("bench", "silent"))
    : null;
  if (net === null) throw new Error(JSON.stringify(read));
  return net;
}
