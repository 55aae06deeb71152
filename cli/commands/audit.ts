/** `catwalk audit`: who changed what in the mesh, newest first. [CLI42] */
import { listAudit } from "../../shared/api/meshes.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList } from "./output.ts";
import { UsageError } from "../admin/usage-error.ts";

export const registerAudit: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(program.command("audit").description("who changed what, newest first")),
    ).option("--limit <n>", "most entries to show", "100"),
    "catwalk audit --limit 20",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly limit: string }) => {
    if (!/^[1-9]\d{0,3}$/.test(flags.limit) || Number(flags.limit) > 1000)
      throw new UsageError(`--limit ${flags.limit}: must be a number from 1 to 1000`);
    const client = clientOf(flags);
    const { items } = await client.call(listAudit, {
      params: { mesh: client.mesh },
      query: { limit: flags.limit },
    });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "AT", of: (row) => `${row.at.slice(0, 19)}Z` },
            { title: "WHO", of: (row) => row.who },
            { title: "ACTION", of: (row) => row.action },
            { title: "SUBJECT", of: (row) => row.subject, wraps: true },
          ],
          name: (row) => `${row.at} ${row.action} ${row.subject}`,
          empty: "nothing was changed",
        },
        flags.output,
      ),
    );
  });
};
