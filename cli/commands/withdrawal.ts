/**
 * `catwalk relay withdrawal list|confirm|reject`: what this relay holds back because a list
 * suddenly lacked it in mass. [PUB6]
 */
import type { Command } from "commander";

import type { z } from "zod";

import {
  decidedWithdrawalsSchema,
  relayErrorSchema,
  withdrawalsSchema,
} from "../../shared/api/relay.ts";
import type { WithdrawalView } from "../../shared/api/relay.ts";
import { withExample, withOutput } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags } from "./command.ts";
import { renderList } from "./output.ts";
import { CommandError } from "../admin/usage-error.ts";

interface Flags {
  readonly relay: string;
  readonly collection?: string;
}

const DEFAULT_RELAY = "http://127.0.0.1:9099";
const TIMEOUT_MS = 10_000;

export function addWithdrawal(relay: Command): void {
  const withdrawal = withExample(
    relay
      .command("withdrawal")
      .description("deletions in mass that a relay holds because it only inferred them"),
    "catwalk relay withdrawal list",
  );
  withExample(
    withRelay(withOutput(withdrawal.command("list").description("what is held, and until when"))),
    `catwalk relay withdrawal list --relay ${DEFAULT_RELAY}`,
  ).action(async (flags: Flags & OutputFlags) => {
    const held = await ask(flags, "GET", "/withdrawals", withdrawalsSchema);
    print(renderList(held, LIST, flags.output));
  });
  for (const [name, description, done] of [
    ["confirm", "they are gone: withdraw them now", "withdrawn"],
    ["reject", "they are not: keep them until the source lists them again", "kept"],
  ] as const)
    withExample(
      withRelay(withdrawal.command(name).description(description)).option(
        "--collection <name>",
        "of one collection only, like pods",
      ),
      `catwalk relay withdrawal ${name} --relay ${DEFAULT_RELAY}`,
    ).action(async (flags: Flags) => {
      const query =
        flags.collection === undefined
          ? ""
          : `?${new URLSearchParams({ collection: flags.collection }).toString()}`;
      const { keys } = await ask(
        flags,
        "POST",
        `/withdrawals/${name}${query}`,
        decidedWithdrawalsSchema,
      );
      print(`${keys} keys ${done}\n`);
    });
}

const LIST = {
  columns: [
    { title: "COLLECTION", of: (row: WithdrawalView) => row.collection },
    { title: "KEYS", of: (row: WithdrawalView) => String(row.keys) },
    { title: "SINCE", of: (row: WithdrawalView) => row.since },
    { title: "UNTIL", of: (row: WithdrawalView) => row.until ?? "rejected" },
  ],
  name: (row: WithdrawalView) => row.collection,
  empty: "no withdrawal is held",
};

function withRelay(command: Command): Command {
  return command.option(
    "--relay <url>",
    "the relay's --http-listen, on this machine",
    DEFAULT_RELAY,
  );
}

/** @throws CommandError with the relay's own words, or saying that it cannot be reached. */
async function ask<Answer>(
  { relay }: Flags,
  method: string,
  path: string,
  schema: z.ZodType<Answer>,
): Promise<Answer> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(new URL(path, relay), {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await response.json();
  } catch (error) {
    const { cause, message } = error as Error;
    throw new CommandError(
      `cannot reach the relay at ${relay}: ${cause instanceof Error ? cause.message : message}`,
      { cause: error },
    );
  }
  const read = schema.safeParse(answer);
  if (response.ok && read.success) return read.data;
  const said = relayErrorSchema.safeParse(answer);
  throw new CommandError(
    said.success
      ? said.data.error
      : `${relay} does not answer as a relay of this version (${response.status})`,
  );
}
