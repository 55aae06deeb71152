/** The ranges of a member: as flags, and `catwalk cluster set`. [VIS35] */
import type { Command } from "commander";

import { getCluster, setClusterRanges } from "../../shared/api/clusters.ts";
import type { ClusterView, RangesBody } from "../../shared/api/clusters.ts";
import type { Client } from "../admin/client.ts";
import {
  clientOf,
  collect,
  warnUnlessPropagated,
  withExample,
  withOutput,
  withServer,
} from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderOne } from "./output.ts";
import type { Output } from "./output.ts";
import { UsageError } from "../admin/usage-error.ts";

type Flags = ServerFlags & OutputFlags;

export interface RangeFlags {
  readonly cidr?: string[];
  readonly nodeCidr?: string[];
  readonly sharedCidr?: string[];
}

/** The flags that give ranges. */
export function withRanges(command: Command): Command {
  return command
    .option("--cidr <cidr>", "a pod range of the cluster; repeatable", collect)
    .option("--node-cidr <cidr>", "a range of its nodes and host endpoints; repeatable", collect)
    .option(
      "--shared-cidr <cidr>",
      "a range of pods and nodes that other clusters have too; repeatable",
      collect,
    );
}

/** As the API takes them: of each use that is named all, and nothing of the others. */
export function rangesOf({ cidr, nodeCidr, sharedCidr }: RangeFlags): RangesBody {
  return {
    ...(cidr && { cidrs: cidr }),
    ...(nodeCidr && { nodeCidrs: nodeCidr }),
    ...(sharedCidr && { sharedCidrs: sharedCidr }),
  };
}

export function registerSet(cluster: Command): void {
  const set = cluster
    .command("set <name>")
    .description("give a member other ranges: each kind that is named is all that it has then")
    .option("--first-claims", "no given pod ranges any more: its first pools are pinned");
  withExample(
    withRanges(withOutput(withServer(set))),
    "catwalk cluster set db --cidr 10.20.0.0/16 --cidr 10.30.0.0/16",
  ).action(async (name: string, flags: Flags & RangeFlags & { firstClaims?: boolean }) => {
    if (flags.firstClaims === true && flags.cidr !== undefined)
      throw new UsageError("--first-claims and --cidr exclude each other");
    const ranges = flags.firstClaims === true ? { ...rangesOf(flags), cidrs: [] } : rangesOf(flags);
    if (Object.keys(ranges).length === 0)
      throw new UsageError("name a range: --cidr, --node-cidr, --shared-cidr, or --first-claims");
    const client = clientOf(flags);
    const changed = await client.call(setClusterRanges, {
      params: { mesh: client.mesh, cluster: name },
      body: ranges,
    });
    warnUnlessPropagated(changed);
    print(renderRanges(changed.cluster, flags.output));
  });
}

/** Gives a member ranges beside those that it has. */
export async function addRanges(client: Client, name: string, flags: RangeFlags): Promise<void> {
  const added = rangesOf(flags);
  if (Object.keys(added).length === 0) return;
  const params = { mesh: client.mesh, cluster: name };
  const { ranges } = await client.call(getCluster, { params });
  const { cidrs, nodeCidrs, sharedCidrs } = added;
  const body: RangesBody = {
    ...(cidrs && { cidrs: union(ranges.pods, cidrs) }),
    ...(nodeCidrs && { nodeCidrs: union(ranges.nodes, nodeCidrs) }),
    ...(sharedCidrs && { sharedCidrs: union(ranges.shared, sharedCidrs) }),
  };
  await client.call(setClusterRanges, { params, body });
}

function union(known: readonly string[], added: readonly string[]): string[] {
  return [...new Set([...known, ...added])];
}

function renderRanges(cluster: ClusterView, output: Output | undefined): string {
  if (output !== undefined && output !== "wide") return renderOne(cluster, cluster.name, output);
  const { pods, nodes, shared } = cluster.ranges;
  const line = (what: string, cidrs: readonly string[]): string =>
    cidrs.length === 0 ? "" : `  ${what.padEnd(12)} ${cidrs.join(", ")}\n`;
  const lines = [line("pod ranges", pods), line("node ranges", nodes), line("shared", shared)];
  return `cluster ${cluster.name} has now\n${lines.join("") || "  no ranges: its first pools are pinned\n"}`;
}
