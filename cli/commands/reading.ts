/**
 * What `eval`, `policy`, `view` and `watch` share: whose truth is asked, the hub's (permitted) or a
 * relay's (applied).
 */
import { say } from "../admin/terminal.ts";
import type { Command } from "commander";

import type { World } from "../../relay/policy/world.ts";
import type { ClusterPolicies } from "../../relay/source/source.ts";
import { clientOf } from "./command.ts";
import { loadConfig } from "../admin/config.ts";
import type { ServerFlags } from "../admin/config.ts";
import { chosenOrigins, originsOf } from "./origin-choice.ts";
import { wrapWords } from "./output.ts";
import { readRelayStatus, relayPolicies } from "../admin/relay-client.ts";
import { readWorld } from "../admin/relay-view.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

export interface ReadingFlags extends ServerFlags {
  readonly cluster?: string;
  readonly relay?: string;
}

export function withReading(command: Command): Command {
  return command
    .option("--cluster <name>", "the cluster that looks")
    .option(
      "--relay <url>",
      "ask this relay (what is applied there) instead of the hub (what is permitted)",
    );
}

/** @throws UsageError */
export function requireCluster(flags: ReadingFlags): string {
  if (flags.cluster === undefined)
    throw new UsageError("which cluster? give --cluster NAME (or --relay URL)");
  return flags.cluster;
}

/** The relay's HTTP address of a cluster: the flag, or what the configuration says. */
export function relayUrl(flags: ReadingFlags): string | null {
  if (flags.relay !== undefined) return flags.relay;
  return flags.cluster === undefined ? null : (loadConfig(flags).relays[flags.cluster] ?? null);
}

/** The relay to ask: the one that is named, or the cluster's own where no hub is known. */
export function relayAsked(flags: ReadingFlags): string | undefined {
  if (flags.relay !== undefined || flags.cluster === undefined) return flags.relay;
  const { server, relays } = loadConfig(flags);
  return server === undefined ? relays[flags.cluster] : undefined;
}

/** @param origin Only of this one, as `--origin` names it. */
export async function worldOf(flags: ReadingFlags, origin?: string): Promise<World> {
  const relay = relayAsked(flags);
  if (relay !== undefined) {
    const known = origin === undefined ? [] : originsOf(await readRelayStatus(relay));
    const world = await readWorld(relay);
    if (origin === undefined) return world;
    const chosen = chosenOrigins(origin, known, world.cluster);
    return { ...world, records: world.records.filter((seen) => chosen.has(seen.origin)) };
  }
  const cluster = requireCluster(flags);
  const client = clientOf(flags);
  const { readHubView } = await import("./hub-view.ts");
  const view = await readHubView(client, {
    cluster,
    ...(origin === undefined ? {} : { origin }),
  });
  return {
    cluster: view.cluster,
    records: view.records,
    prefixed: view.prefixed,
    truth: `permitted by the hub at ${client.server}, access version ${view.accessVersion}, read just now`,
    policies: () => policiesOf(flags),
  };
}

/**
 * The policies of the cluster, asked of its relay.
 * @throws CommandError where no relay is known.
 */
export async function policiesOf(flags: ReadingFlags): Promise<ClusterPolicies> {
  const url = relayUrl(flags);
  if (url === null)
    throw new CommandError(
      `policies never leave their cluster: give --relay URL of ${requireCluster(flags)}'s relay, or -f FILE with the policy`,
    );
  return relayPolicies(url);
}

export function tellTruth(world: World): void {
  const lines = wrapWords(`(${world.truth})`, process.stderr.columns || 80);
  say(lines.join("\n "));
}
