/**
 * `catwalk completion bash|zsh|fish`: a script made from the commands themselves, so that it cannot
 * lag behind them. [CLI45]
 */
import { Argument } from "commander";
import type { Command, Option } from "commander";

import { withExample } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { RegisterCommand } from "./command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const registerCompletion: RegisterCommand = (program) => {
  withExample(
    program
      .command("completion")
      .description("print a completion script for a shell")
      .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(SHELLS)),
    "source <(catwalk completion bash)",
  ).action((shell: (typeof SHELLS)[number]) => {
    print(shell === "fish" ? fishScript(program) : bashScript(program, shell));
  });
};

interface Node {
  /** `rcc apply`; empty for the program. */
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
  /** Words that its argument may be. */
  readonly choices: readonly string[];
}

function nodesOf(command: Command, path = ""): readonly Node[] {
  const { commands } = command;
  const own = {
    path,
    commands,
    options: command.options.filter((option) => !option.hidden),
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  };
  return [
    own,
    ...commands.flatMap((sub) => nodesOf(sub, path === "" ? sub.name() : `${path} ${sub.name()}`)),
  ];
}

function flagsOf(option: Option): readonly string[] {
  return [option.long, option.short].filter((flag) => typeof flag === "string");
}

/** Flags whose value is a file or folder. */
function isPath(option: Option): boolean {
  return /<(file|dir)>/.test(option.flags);
}

/** zsh runs bash's completion functions by itself. */
function bashScript(program: Command, shell: "bash" | "zsh"): string {
  const nodes = nodesOf(program);
  const words = nodes.map(({ path, commands, options, choices }) => {
    const all = [
      ...commands.map((one) => one.name()),
      ...choices,
      ...options.flatMap(flagsOf),
      "--help",
    ];
    return `    "${path}") words="${all.join(" ")}" ;;`;
  });
  const values = new Map<string, string>();
  for (const option of nodes.flatMap((node) => node.options)) {
    const flags = flagsOf(option).join("|");
    if (option.argChoices !== undefined)
      values.set(flags, `COMPREPLY=($(compgen -W "${option.argChoices.join(" ")}" -- "$cur"))`);
    else if (isPath(option)) values.set(flags, 'COMPREPLY=($(compgen -f -- "$cur"))');
    else if (option.required) values.set(flags, "COMPREPLY=()");
  }
  const paths = nodes.map(({ path }) => `"${path}"`).filter((path) => path !== '""');
  return `# catwalk completion for ${shell}: source it, or put it where ${shell} looks for completions.
${shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}_catwalk() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" word words=""
  COMPREPLY=()
  case "$prev" in
${[...values].map(([flags, reply]) => `    ${flags}) ${reply}; return ;;`).join("\n")}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths.join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${words.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _catwalk catwalk
`;
}

function fishScript(program: Command): string {
  const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
  const lines = nodesOf(program).flatMap(({ path, commands, options, choices }) => {
    const names = commands.map((one) => one.name());
    const inside = path
      .split(" ")
      .filter((word) => word !== "")
      .map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = names.length === 0 ? [] : [`not __fish_seen_subcommand_from ${names.join(" ")}`];
    const when = (conditions: readonly string[]): string =>
      conditions.length === 0 ? "" : ` -n ${quoted(conditions.join("; and "))}`;
    return [
      ...commands.map(
        (one) =>
          `complete -c catwalk -f${when([...inside, ...none])} -a ${one.name()} -d ${quoted(one.description())}`,
      ),
      ...(choices.length === 0
        ? []
        : [`complete -c catwalk -f${when(inside)} -a ${quoted(choices.join(" "))}`]),
      ...options.map((option) => {
        const long = option.long === undefined ? "" : ` -l ${option.long.replace(/^--/, "")}`;
        const short = option.short === undefined ? "" : ` -s ${option.short.replace(/^-/, "")}`;
        const value =
          option.argChoices !== undefined
            ? ` -x -a ${quoted(option.argChoices.join(" "))}`
            : isPath(option)
              ? " -r -F"
              : option.required
                ? " -x"
                : "";
        return `complete -c catwalk${when(inside)}${long}${short}${value} -d ${quoted(option.description)}`;
      }),
    ];
  });
  return `# catwalk completion for fish: source it, or save it as ~/.config/fish/completions/catwalk.fish.\ncomplete -c catwalk -f\n${lines.join("\n")}\n`;
}
