/** What every command shares: server options, output option, an example in its help. */
import { Command, Option } from "commander";

import { Client } from "../admin/client.ts";
import { loadConfig } from "../admin/config.ts";
import type { ServerFlags } from "../admin/config.ts";
import { OUTPUTS } from "./output.ts";
import type { Output } from "./output.ts";
import { say } from "../admin/terminal.ts";

/** Adds a command, with its sub-commands, to the program. */
export type RegisterCommand = (program: Command) => void;

export interface OutputFlags {
  readonly output?: Output;
}

export function withServer(command: Command): Command {
  return command
    .option("--server <url>", "the hub (env CATWALK_SERVER)")
    .option("--insecure-http", "take a hub without TLS off loopback: the token can be heard")
    .option("--mesh <name>", "the mesh (env CATWALK_MESH)")
    .option(
      "--token-file <file>",
      "file with the admin token (env CATWALK_TOKEN: the token itself)",
    );
}

export function withOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <form>", "form of the answer").choices(OUTPUTS),
  );
}

export function withExample(command: Command, example: string): Command {
  return command.addHelpText("after", `\nExample:\n  ${example}`);
}

export function clientOf(flags: ServerFlags): Client {
  return new Client(loadConfig(flags));
}

/** Said on stderr, so that it never mixes with what a script reads. */
export function warnUnlessPropagated(answer: { readonly propagated: boolean }): void {
  if (!answer.propagated)
    say("saved; not every part of the hub has taken it yet, which follows by itself");
}

/** A repeatable option. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}
