/** `catwalk quarantine list`: what clusters publish and the hub does not forward, with the rule. */
import { listQuarantine } from "../../shared/api/status.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import { print, say } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList } from "./output.ts";
import { nameOfKey } from "../../shared/record/key-name.ts";

export const registerQuarantine: RegisterCommand = (program) => {
  const quarantine = withExample(
    program.command("quarantine").description("records that are not forwarded, and why"),
    "catwalk quarantine list",
  );
  withExample(
    withOutput(
      withServer(
        quarantine
          .command("list")
          .description("list them")
          .option("--cluster <name>", "only those of this cluster"),
      ),
    ),
    "catwalk quarantine list --cluster db",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly cluster?: string }) => {
    const client = clientOf(flags);
    const { items, unknown } = await client.call(listQuarantine, {
      params: { mesh: client.mesh },
    });
    if (unknown.length > 0)
      say(`not known for ${unknown.join(", ")}: no answer from the hub's part`);
    print(
      renderList(
        items.filter(({ origin }) => (flags.cluster ?? origin.name) === origin.name),
        {
          columns: [
            { title: "CLUSTER", of: (row) => row.origin.name },
            { title: "KIND", of: (row) => row.kind },
            { title: "NAME", of: (row) => nameOfKey(row.key) },
            { title: "KEY", of: (row) => row.key, wide: true },
            { title: "RULE", of: (row) => row.rule, wide: true },
            { title: "WHY", of: (row) => row.message, wraps: true },
          ],
          name: (row) => `${row.origin.name}${row.key}`,
          empty: "nothing is in quarantine",
        },
        flags.output,
      ),
    );
  });
};
