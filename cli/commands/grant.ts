/** `catwalk grant create|apply|delete --cluster B --to A`, `catwalk grant list [--cluster B]`. */
import type { Command } from "commander";

import { describeScope } from "../../shared/visibility/scope-text.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
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
import { scopeOf, withScope } from "./scope-flags.ts";
import type { ScopeFlags } from "./scope-flags.ts";

interface GrantView {
  readonly origin: { readonly name: string };
  readonly reader: { readonly name: string };
  readonly createdAt: string;
  readonly used: boolean;
  readonly scope?: Scope;
}

interface Granted {
  readonly grant: GrantView;
  readonly propagated: boolean;
}

type PairFlags = ServerFlags & OutputFlags & { readonly cluster: string; readonly to: string };
type GrantFlags = PairFlags & ScopeFlags;

export const registerGrant: RegisterCommand = (program) => {
  const grant = withExample(
    program.command("grant").description("who lets whom see it"),
    "catwalk grant create --cluster db --to app",
  );
  withExample(
    withPair(grant.command("create").description("let another cluster see this one, or a part")),
    "catwalk grant create --cluster db --to app --namespace shop,pay --label role",
  ).action(async (flags: GrantFlags) => {
    const scope = scopeOf(flags);
    const client = clientOf(flags);
    const made = await client.request<Granted>("POST", client.meshPath("grants"), {
      origin: flags.cluster,
      reader: flags.to,
      ...bodyOf(scope),
    });
    tell(made, flags);
  });
  withExample(
    withPair(
      grant
        .command("apply")
        .description("create a grant, or make it show this; without a scope: all of the cluster"),
    ),
    `catwalk grant apply --cluster db --to app --selector "role == 'db'"`,
  ).action(async (flags: GrantFlags) => {
    const scope = scopeOf(flags);
    const client = clientOf(flags);
    const path = client.meshPath("grants", flags.cluster, flags.to);
    tell(await client.request<Granted>("PUT", path, bodyOf(scope)), flags);
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
            { title: "SCOPE", of: scopeText },
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

function withPair(command: Command): Command {
  return withScope(
    withOutput(withServer(command))
      .requiredOption("--cluster <name>", "the cluster to be seen")
      .requiredOption("--to <name>", "the cluster that may see it"),
  );
}

/** No scope is no field: a hub that knows none takes the grant, and refuses one with a scope. */
function bodyOf(scope: Scope | null): { readonly scope?: Scope } {
  return scope === null ? {} : { scope };
}

function tell(made: Granted, flags: PairFlags): void {
  const { cluster, to, output } = flags;
  warnUnlessPropagated(made);
  const hint = made.grant.used ? "" : ` (${to} has no RCC that names ${cluster} yet)`;
  const shown = describeScope(made.grant.scope ?? null);
  print(
    output === undefined
      ? `${cluster} grants ${to}: ${shown}${hint}\n`
      : renderOne(made.grant, `${cluster}/${to}`, output),
  );
}

function scopeText(grant: GrantView): string {
  return grant.scope === undefined ? "" : describeScope(grant.scope);
}
