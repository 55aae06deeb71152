/** `catwalk token create|list|delete`: tokens of the admin API with a role in one mesh. [CLI72] */
import type { Command } from "commander";
import { Option } from "commander";

import { createApiToken, deleteApiToken, listApiTokens } from "../../shared/api/tokens.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList, renderOne } from "./output.ts";
import { UsageError } from "../admin/usage-error.ts";

type Flags = ServerFlags & OutputFlags;
const ROLES = ["viewer", "editor", "admin", "owner"] as const;

interface CreateFlags extends Flags {
  readonly role: (typeof ROLES)[number];
  readonly cluster?: string;
  readonly name?: string;
  readonly expires: string;
}

export const registerToken: RegisterCommand = (program) => {
  const token = withExample(
    program.command("token").description("tokens of the admin API, each with a role in one mesh"),
    "catwalk token create --role editor --expires 90d",
  );
  registerCreate(token);
  registerList(token);
  withExample(
    withServer(token.command("delete <id>").description("take a token back, at once")),
    "catwalk token delete tok_0123456789abcdef",
  ).action(async (id: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    await client.call(deleteApiToken, { params: { mesh: client.mesh, token: id } });
    print(`token ${id} deleted\n`);
  });
};

function registerCreate(token: Command): void {
  withExample(
    withOutput(withServer(token.command("create").description("make a token; it is shown once")))
      .addOption(new Option("--role <role>", "what it may").choices(ROLES).makeOptionMandatory())
      .option("--cluster <name>", "of an owner: the cluster")
      .option("--name <name>", "how the audit calls it; without it: its role")
      .option("--expires <time>", "as 12h or 90d, a year at most", "90d"),
    "catwalk token create --role owner --cluster db --expires 30d",
  ).action(async (flags: CreateFlags) => {
    const { role, cluster, name = role, output } = flags;
    const expiresSeconds = secondsOf(flags.expires);
    const client = clientOf(flags);
    const made = await client.call(createApiToken, {
      params: { mesh: client.mesh },
      body: { role, name, expiresSeconds, ...(cluster === undefined ? {} : { cluster }) },
    });
    const { id, expiresAt } = made.details;
    print(output === undefined ? `${made.token}\n` : renderOne(made, id, output));
    if (output === undefined)
      process.stderr.write(`${id}: ${role} until ${expiresAt}; shown once\n`);
  });
}

function registerList(token: Command): void {
  withExample(
    withOutput(withServer(token.command("list").description("list tokens"))),
    "catwalk token list",
  ).action(async (flags: Flags) => {
    const client = clientOf(flags);
    const { items } = await client.call(listApiTokens, { params: { mesh: client.mesh } });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "TOKEN", of: (row) => row.id },
            { title: "NAME", of: (row) => row.name },
            { title: "ROLE", of: (row) => row.role },
            { title: "CLUSTER", of: (row) => row.cluster ?? "" },
            { title: "EXPIRES", of: (row) => `${row.expiresAt.slice(0, 16)}Z` },
            { title: "LAST USED", of: (row) => row.lastUsedAt?.slice(0, 13) ?? "never" },
          ],
          name: (row) => row.id,
          empty: "no tokens besides the hub's own",
        },
        flags.output,
      ),
    );
  });
}

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 };

/** @throws UsageError */
function secondsOf(text: string): number {
  const [, number, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new UsageError(`--expires ${text}: must be a number with m, h or d, as 90d`);
  return Number(number) * (UNITS[unit] ?? 1);
}
