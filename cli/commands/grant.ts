/** `catwalk grant create|apply|delete --cluster B --to A`, `catwalk grant list [--cluster B]`. */
import type { Command } from "commander";

import {
  applyGrant,
  createGrant,
  deleteGrant,
  getGrant,
  listGrants,
} from "../../shared/api/grants.ts";
import type { ChangedGrant, GrantView } from "../../shared/api/grants.ts";
import { describeScope } from "../../shared/visibility/scope-text.ts";
import { scopeDocument } from "../../shared/visibility/scope.ts";
import type { Scope, ScopeDocument } from "../../shared/visibility/scope.ts";
import { clientOf, warnUnlessPropagated, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { managedByOption } from "./managed-by.ts";
import type { ManagedByFlag } from "./managed-by.ts";
import { dryRunOf, printEffects, withDryRun } from "./dry-run.ts";
import type { DryRunFlags } from "./dry-run.ts";
import { renderList, renderOne } from "./output.ts";
import { replace } from "./replace.ts";
import { scopeOf, withScope } from "./scope-flags.ts";
import type { ScopeFlags } from "./scope-flags.ts";

type PairFlags = ServerFlags &
  OutputFlags &
  DryRunFlags & { readonly cluster: string; readonly to: string };
type GrantFlags = PairFlags & ScopeFlags;

export const registerGrant: RegisterCommand = (program) => {
  const grant = withExample(
    program.command("grant").description("who lets whom see it"),
    "catwalk grant create --cluster db --to app",
  );
  registerCreate(grant);
  registerApply(grant);
  registerDelete(grant);
  registerList(grant);
};

function registerCreate(grant: Command): void {
  withExample(
    withPair(grant.command("create").description("let another cluster see this one, or a part")),
    "catwalk grant create --cluster db --to app --namespace shop,pay --label role",
  ).action(async (flags: GrantFlags) => {
    const scope = scopeOf(flags);
    const client = clientOf(flags);
    const made = await client.call(createGrant, {
      params: { mesh: client.mesh },
      query: dryRunOf(flags),
      body: { origin: flags.cluster, reader: flags.to, ...bodyOf(scope) },
    });
    printGrant(made, flags);
  });
}

function registerApply(grant: Command): void {
  withExample(
    withPair(
      grant
        .command("apply")
        .description("create a grant, or make it show this; without a scope: all of the cluster"),
    ).addOption(managedByOption("api takes over what a cluster manages, cluster hands it over")),
    `catwalk grant apply --cluster db --to app --selector "role == 'db'"`,
  ).action(async (flags: GrantFlags & ManagedByFlag) => {
    const scope = scopeOf(flags);
    const client = clientOf(flags);
    const params = { mesh: client.mesh, origin: flags.cluster, reader: flags.to };
    const query = { managedBy: flags.managedBy, ...dryRunOf(flags) };
    const request = { params, query, body: bodyOf(scope) };
    const look = `catwalk grant list --cluster ${flags.cluster}`;
    const made = await replace(client, getGrant, { params }, look, (ifMatch) =>
      client.call(applyGrant, request, ifMatch),
    );
    printGrant(made, flags);
  });
}

function registerDelete(grant: Command): void {
  withExample(
    withDryRun(
      withServer(grant.command("delete").description("revoke: what came from it is withdrawn")),
    )
      .requiredOption("--cluster <name>", "the cluster that is seen")
      .requiredOption("--to <name>", "the cluster that may no longer see it")
      .addOption(managedByOption("whose it is: cluster for what a cluster has left behind")),
    "catwalk grant delete --cluster db --to app",
  ).action(async (flags: PairFlags & ManagedByFlag) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, origin: flags.cluster, reader: flags.to };
    const query = { managedBy: flags.managedBy, ...dryRunOf(flags) };
    const deleted = await client.call(deleteGrant, { params, query });
    if (printEffects(deleted.effects)) return;
    warnUnlessPropagated(deleted);
    print(`${flags.cluster} no longer grants ${flags.to}\n`);
  });
}

function registerList(grant: Command): void {
  withExample(
    withOutput(withServer(grant.command("list").description("list grants"))).option(
      "--cluster <name>",
      "only those by this cluster",
    ),
    "catwalk grant list --cluster db",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly cluster?: string }) => {
    const client = clientOf(flags);
    const { items } = await client.call(listGrants, {
      params: { mesh: client.mesh },
      query: { origin: flags.cluster },
    });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "CLUSTER", of: (row) => row.origin.name },
            { title: "TO", of: (row) => row.reader.name },
            { title: "SCOPE", of: scopeText },
            { title: "USED", of: usedText },
            { title: "MANAGED BY", of: (row) => row.managedBy, wide: true },
            { title: "CREATED", of: (row) => row.createdAt, wide: true },
          ],
          name: (row) => `${row.origin.name}/${row.reader.name}`,
          empty: "no grants",
        },
        flags.output,
      ),
    );
  });
}

function withPair(command: Command): Command {
  return withScope(
    withDryRun(withOutput(withServer(command)))
      .requiredOption("--cluster <name>", "the cluster to be seen")
      .requiredOption("--to <name>", "the cluster that may see it"),
  );
}

/** No scope is no field: a hub that knows none takes the grant, and refuses one with a scope. */
function bodyOf(scope: Scope | null): { readonly scope?: ScopeDocument } {
  return scope === null ? {} : { scope: scopeDocument(scope) };
}

function printGrant(made: ChangedGrant, flags: PairFlags): void {
  const { cluster, to, output } = flags;
  if (output === undefined && printEffects(made.effects)) return;
  if (made.effects === undefined) warnUnlessPropagated(made);
  const hint = made.grant.used ? "" : ` (${to} has no RCC that names ${cluster} yet)`;
  const shown = describeScope(made.grant.scope ?? null);
  print(
    output === undefined
      ? `${cluster} grants ${to}: ${shown}${hint}\n`
      : renderOne(
          made.effects === undefined ? made.grant : { effects: made.effects },
          `${cluster}/${to}`,
          output,
        ),
  );
}

function usedText({ vetoed, used }: GrantView): string {
  if (vetoed) return "vetoed";
  return used ? "yes" : "no RCC";
}

function scopeText(grant: GrantView): string {
  return grant.scope === undefined ? "" : describeScope(grant.scope);
}
