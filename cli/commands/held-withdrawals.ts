/**
 * `catwalk withdrawal list|confirm|reject --cluster B` (`release` is `confirm`): what its relay
 * holds back because so much was missing at once, decided at the hub. [CLI95]
 */
import { decideWithdrawals, listWithdrawals } from "../../shared/api/withdrawals.ts";
import type { ServerFlags } from "../admin/config.ts";
import { print } from "../admin/terminal.ts";
import { clientOf, warnUnlessPropagated, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderList } from "./output.ts";

type Flags = ServerFlags & { readonly cluster: string; readonly collection?: string };

export const registerWithdrawal: RegisterCommand = (program) => {
  const withdrawal = withExample(
    program
      .command("withdrawal")
      .description("deletions in mass that a cluster's relay holds because it only inferred them"),
    "catwalk withdrawal list --cluster db",
  );
  withExample(
    withOutput(
      withServer(withdrawal.command("list").description("what is held, and until when")),
    ).requiredOption("--cluster <name>", "the cluster"),
    "catwalk withdrawal list --cluster db",
  ).action(async ({ output, cluster, ...flags }: Flags & OutputFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster };
    const { items } = await client.call(listWithdrawals, { params });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "COLLECTION", of: (row) => row.collection },
            { title: "KEYS", of: (row) => String(row.keys) },
            { title: "SINCE", of: (row) => row.since },
            { title: "UNTIL", of: (row) => row.until ?? "rejected" },
          ],
          name: (row) => row.collection,
          empty: "no withdrawal is held",
        },
        output,
      ),
    );
  });
  for (const [decision, aliases, description, done] of [
    ["confirm", ["release"], "they are gone: withdraw them now", "are withdrawn"],
    ["reject", [], "they are not: keep them until the source lists them again", "stay"],
  ] as const)
    withExample(
      withServer(withdrawal.command(decision).aliases(aliases).description(description))
        .requiredOption("--cluster <name>", "the cluster")
        .option("--collection <name>", "of one collection only, like pods"),
      `catwalk withdrawal ${decision} --cluster db`,
    ).action(async ({ cluster, collection, ...flags }: Flags) => {
      const client = clientOf(flags);
      const params = { mesh: client.mesh, cluster };
      const body = { decision, ...(collection === undefined ? {} : { collection }) };
      const decided = await client.call(decideWithdrawals, { params, body });
      warnUnlessPropagated(decided);
      print(`${decided.keys} records of ${cluster} ${done}\n`);
    });
};
