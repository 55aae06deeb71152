/** `catwalk cluster add|set|list|get|remove|suspend|resume|token|identity`. */
import type { Command } from "commander";

import {
  addCluster,
  createJoinToken,
  getCluster,
  listClusters,
  removeCluster,
} from "../../shared/api/clusters.ts";
import type { JoinTokenView } from "../../shared/api/clusters.ts";
import { registerSuspend } from "./cluster-suspend.ts";
import { registerIdentity } from "./cluster-identity.ts";
import { addRanges, rangesOf, registerSet, withRanges } from "./cluster-ranges.ts";
import type { RangeFlags } from "./cluster-ranges.ts";
import { clientOf, warnUnlessPropagated, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList, renderOne } from "./output.ts";
import type { Output } from "./output.ts";

type Flags = ServerFlags & OutputFlags;

export const registerCluster: RegisterCommand = (program) => {
  const cluster = withExample(
    program.command("cluster").description("members of the mesh"),
    "catwalk cluster add app --cidr 10.10.0.0/16",
  );
  registerAdd(cluster);
  registerSet(cluster);
  registerToken(cluster);
  registerList(cluster);
  registerGet(cluster);
  registerRemove(cluster);
  registerSuspend(cluster);
  registerIdentity(cluster);
};

function registerAdd(cluster: Command): void {
  withExample(
    withRanges(
      withOutput(
        withServer(
          cluster.command("add <name>").description("add a member; prints its join token, once"),
        ),
      ),
    ),
    "catwalk cluster add db --cidr 10.20.0.0/16",
  ).action(async (name: string, flags: Flags & RangeFlags) => {
    const client = clientOf(flags);
    const added = await client.call(addCluster, {
      params: { mesh: client.mesh },
      body: { name, ...rangesOf(flags) },
    });
    warnUnlessPropagated(added);
    print(renderToken(added, name, flags.output));
  });
}

function registerToken(cluster: Command): void {
  withExample(
    withRanges(
      withOutput(
        withServer(
          cluster
            .command("token <name>")
            .description(
              "make a further join token, for a relay that lost its key; ranges are added",
            ),
        ),
      ),
    ),
    "catwalk cluster token db",
  ).action(async (name: string, flags: Flags & RangeFlags) => {
    const client = clientOf(flags);
    await addRanges(client, name, flags);
    const made = await client.call(createJoinToken, {
      params: { mesh: client.mesh, cluster: name },
    });
    print(renderToken(made, name, flags.output));
  });
}

function registerList(cluster: Command): void {
  withExample(
    withOutput(withServer(cluster.command("list").description("list the members"))),
    "catwalk cluster list -o wide",
  ).action(async (flags: Flags) => {
    const client = clientOf(flags);
    const { items } = await client.call(listClusters, { params: { mesh: client.mesh } });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "NAME", of: (row) => row.name },
            { title: "JOINED", of: (row) => (row.joined ? "yes" : "no") },
            { title: "POD RANGES", of: (row) => row.ranges.pods.join(",") },
            { title: "SHARED RANGES", of: (row) => row.ranges.shared.join(","), wide: true },
            { title: "NODE RANGES", of: (row) => row.ranges.nodes.join(","), wide: true },
            { title: "REFUSED CLAIMS", of: (row) => String(row.refusedClaims.length) },
            { title: "UID", of: (row) => row.uid, wide: true },
          ],
          name: (row) => row.name,
          empty: "no clusters: add one with `catwalk cluster add NAME`",
        },
        flags.output,
      ),
    );
  });
}

function registerGet(cluster: Command): void {
  withExample(
    withOutput(withServer(cluster.command("get <name>").description("show a member"))),
    "catwalk cluster get db -o yaml",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: name };
    print(renderOne(await client.call(getCluster, { params }), name, flags.output));
  });
}

function registerRemove(cluster: Command): void {
  withExample(
    withServer(
      cluster
        .command("remove <name>")
        .description("remove a member with its RCCs and grants, and those naming it"),
    ),
    "catwalk cluster remove db",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: name };
    warnUnlessPropagated(await client.call(removeCluster, { params }));
    print(`cluster ${name} removed\n`);
  });
}

/** For people the bare token, last and on a line of its own. */
function renderToken(made: JoinTokenView, name: string, output: Output | undefined): string {
  if (output === undefined || output === "wide")
    return `join token of cluster ${name}, shown once, valid until ${made.expiresAt}:\n${made.joinToken}\n`;
  const { joinToken, expiresAt } = made;
  return renderOne({ joinToken, expiresAt }, joinToken, output);
}
