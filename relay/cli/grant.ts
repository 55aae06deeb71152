/** `catwalk grant create|delete --cluster B --to A`, `catwalk grant list [--cluster B]`. */
import {
  clientOf,
  print,
  warnUnlessPropagated,
  withExample,
  withOutput,
  withServer,
} from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "./config.ts";
import { renderList, renderOne } from "./output.ts";

interface GrantView {
  readonly origin: { readonly name: string };
  readonly reader: { readonly name: string };
  readonly createdAt: string;
  readonly used: boolean;
}

type PairFlags = ServerFlags & OutputFlags & { readonly cluster: string; readonly to: string };

export const registerGrant: RegisterCommand = (program) => {
  const grant = withExample(
    program.command("grant").description("who lets whom see it"),
    "catwalk grant create --cluster db --to app",
  );
  withExample(
    withOutput(withServer(grant.command("create").description("let another cluster see this one")))
      .requiredOption("--cluster <name>", "the cluster to be seen")
      .requiredOption("--to <name>", "the cluster that may see it"),
    "catwalk grant create --cluster db --to app",
  ).action(async (flags: PairFlags) => {
    const client = clientOf(flags);
    const made = await client.request<{ grant: GrantView; propagated: boolean }>(
      "POST",
      client.meshPath("grants"),
      { origin: flags.cluster, reader: flags.to },
    );
    warnUnlessPropagated(made);
    const hint = made.grant.used ? "" : ` (${flags.to} has no RCC that names ${flags.cluster} yet)`;
    print(
      flags.output === undefined
        ? `${flags.cluster} grants ${flags.to}${hint}\n`
        : renderOne(made.grant, `${flags.cluster}/${flags.to}`, flags.output),
    );
  });
  withExample(
    withServer(grant.command("delete").description("revoke: what came from it is withdrawn"))
      .requiredOption("--cluster <name>", "the cluster that is seen")
      .requiredOption("--to <name>", "the cluster that may no longer see it"),
    "catwalk grant delete --cluster db --to app",
  ).action(async (flags: PairFlags) => {
    const client = clientOf(flags);
    const path = client.meshPath("grants", flags.cluster, flags.to);
    warnUnlessPropagated(await client.request("DELETE", path));
    print(`${flags.cluster} no longer grants ${flags.to}\n`);
  });
  withExample(
    withOutput(withServer(grant.command("list").description("list grants"))).option(
      "--cluster <name>",
      "only those by this cluster",
    ),
    "catwalk grant list --cluster db",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly cluster?: string }) => {
    const client = clientOf(flags);
    const query = flags.cluster === undefined ? "" : `?origin=${encodeURIComponent(flags.cluster)}`;
    const { items } = await client.get<{ items: GrantView[] }>(client.meshPath("grants") + query);
    print(
      renderList(
        items,
        {
          columns: [
            { title: "CLUSTER", of: (row) => row.origin.name },
            { title: "TO", of: (row) => row.reader.name },
            { title: "USED", of: (row) => (row.used ? "yes" : "no RCC") },
            { title: "CREATED", of: (row) => row.createdAt, wide: true },
          ],
          name: (row) => `${row.origin.name}/${row.reader.name}`,
          empty: "no grants",
        },
        flags.output,
      ),
    );
  });
};
