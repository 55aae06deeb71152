/**
 * Runs a command line: usage errors end with 2, failures with 1, both with a message on stderr
 * only. [CLI1]
 */
import { errorText } from "../shared/lib/error-text.ts";
import { say } from "./admin/terminal.ts";
import { Command, CommanderError, Help } from "commander";

import { VERSION } from "../relay/lib/version.ts";
import { withExample } from "./commands/command.ts";
import type { RegisterCommand } from "./commands/command.ts";
import { exitStatusOf } from "./admin/usage-error.ts";

/** @returns The exit status. */
export async function runProgram(
  commands: readonly RegisterCommand[],
  argv: readonly string[],
): Promise<number> {
  const program = withExample(
    new Command("catwalk")
      .description("a cluster mesh for open-source Calico")
      .version(VERSION, "--version", "print the version"),
    "catwalk up",
  );
  for (const register of commands) register(program);
  for (const command of allCommands(program))
    command
      .exitOverride()
      .configureHelp({
        optionDescription: (option) =>
          new Help().optionDescription(option) + (option.mandatory ? " (required)" : ""),
      })
      .showSuggestionAfterError()
      .showHelpAfterError("(--help shows an example)");
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help that was asked for is no error; commander has printed all of them.
      return error.code === "commander.helpDisplayed" || error.code === "commander.version" ? 0 : 2;
    }
    say(`error: ${errorText(error)}`);
    if (error instanceof Error && error.message.startsWith("BUG:") && error.stack !== undefined)
      say(`${error.stack}`);
    return exitStatusOf(error);
  }
}

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
