/** `catwalk cluster add|set|list|get|remove|token|identity`. */
import { registerIdentity } from "./cluster-identity.ts";
import { addRanges, rangesOf, registerSet, withRanges } from "./cluster-ranges.ts";
import type { ClusterView, RangeFlags } from "./cluster-ranges.ts";
import {
  clientOf,
  print,
  warnUnlessPropagated,
  withExample,
  withOutput,
  withServer,
} from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList, renderOne } from "./output.ts";
import type { Output } from "./output.ts";

interface TokenView {
  readonly joinToken: string;
  readonly expiresAt: string;
}

type Flags = ServerFlags & OutputFlags;

export const registerCluster: RegisterCommand = (program) => {
  const cluster = withExample(
    program.command("cluster").description("members of the mesh"),
    "catwalk cluster add app --cidr 10.10.0.0/16",
  );
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
    const added = await client.request<TokenView & { cluster: ClusterView; propagated: boolean }>(
      "POST",
      client.meshPath("clusters"),
      { name, ...rangesOf(flags) },
    );
    warnUnlessPropagated(added);
    print(renderToken(added, name, flags.output));
  });
  registerSet(cluster);
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
    const made = await client.request<TokenView>(
      "POST",
      client.meshPath("clusters", name, "token"),
    );
    print(renderToken(made, name, flags.output));
  });
  withExample(
    withOutput(withServer(cluster.command("list").description("list the members"))),
    "catwalk cluster list -o wide",
  ).action(async (flags: Flags) => {
    const client = clientOf(flags);
    const { items } = await client.get<{ items: ClusterView[] }>(client.meshPath("clusters"));
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
  withExample(
    withOutput(withServer(cluster.command("get <name>").description("show a member"))),
    "catwalk cluster get db -o yaml",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    print(renderOne(await client.get(client.meshPath("clusters", name)), name, flags.output));
  });
  withExample(
    withServer(
      cluster
        .command("remove <name>")
        .description("remove a member with its RCCs and grants, and those naming it"),
    ),
    "catwalk cluster remove db",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    warnUnlessPropagated(await client.request("DELETE", client.meshPath("clusters", name)));
    print(`cluster ${name} removed\n`);
  });
  registerIdentity(cluster);
};

/** For people the bare token, last and on a line of its own. */
function renderToken(made: TokenView, name: string, output: Output | undefined): string {
  if (output === undefined || output === "wide")
    return `join token of cluster ${name}, shown once, valid until ${made.expiresAt}:\n${made.joinToken}\n`;
  const { joinToken, expiresAt } = made;
  return renderOne({ joinToken, expiresAt }, joinToken, output);
}
