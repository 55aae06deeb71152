/** `--dry-run`: the hub says what a change would show to whom, and applies nothing. [CLI90] */
import type { Command } from "commander";

import type { EffectView } from "../../shared/api/effect.ts";
import { print } from "../admin/terminal.ts";

export interface DryRunFlags {
  readonly dryRun?: true;
}

export function withDryRun(command: Command): Command {
  return command.option("--dry-run", "apply nothing, say what would become visible to whom");
}

/** Without the flag no parameter: a hub that knows none takes the request. */
export function dryRunOf({ dryRun }: DryRunFlags): { readonly dryRun?: "true" } {
  return dryRun === true ? { dryRun: "true" } : {};
}

/** @returns Whether there are any: nothing was applied then. */
export function printEffects(effects: readonly EffectView[] | undefined): boolean {
  if (effects === undefined) return false;
  print(effects.length === 0 ? "nothing would change for anybody\n" : effects.map(textOf).join(""));
  print("nothing was applied (--dry-run)\n");
  return true;
}

/** A sentence, and below it the addresses that two clusters would have. */
export function textOf({ summary, conflicts, conflictCount }: EffectView): string {
  const more = conflictCount - conflicts.length;
  return [
    summary,
    ...conflicts.map(
      ({ address, clusters }) =>
        `  ${address} is also of ${clusters.length === 0 ? "another cluster" : clusters.join(", ")}`,
    ),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
    .map((line) => `${line}\n`)
    .join("");
}
