/**
 * Child process: light followers of one relay. Each would be on a machine of its own, so that this
 * process gives way to those whose latency is measured. Argument: `LightFollowersOf` as JSON; says
 * "in-sync" when all of them are, and ends with its parent.
 */
import { setPriority } from "node:os";

import { z } from "zod";

import { readConfig } from "../../relay/config/relay-config.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { PeerFeedNet } from "../../relay/peers/feed-net.ts";
import { LightFollower } from "./light-follower.ts";

const argument = z.object({
  /** Of a relay of the cluster. */
  settings: z.record(z.string(), z.string()),
  count: z.number(),
  feeder: z.string(),
  originUid: z.string(),
});
export type LightFollowersOf = z.infer<typeof argument>;

const LOWEST_PRIORITY = 19;

const { settings, count, feeder, originUid } = argument.parse(JSON.parse(process.argv[2] ?? ""));
setPriority(LOWEST_PRIORITY);
const read = readConfig(settings, {}, null);
if (!read.ok) throw new Error(JSON.stringify(read));
const credentials = await Credentials.open(settings["identity"] ?? "");
const net = PeerFeedNet.of(read.config, credentials, newLogger("bench", "silent"));
if (net === null) throw new Error("the settings name no peers");
const followers = Array.from({ length: count }, () => new LightFollower(net, feeder, originUid));
await Promise.all(followers.map(({ inSync }) => inSync));
process.send?.("in-sync");
process.once("disconnect", () => process.exit(0));
