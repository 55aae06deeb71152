/** `--kind`, `--namespace`, `--selector`, `--label`: what of an origin a grant shows. [SCP2] */
import type { Command } from "commander";

import { parseScope, SCOPE_KINDS } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { collect } from "./command.ts";
import { UsageError } from "../admin/usage-error.ts";

export interface ScopeFlags {
  readonly kind?: readonly string[];
  readonly namespace?: readonly string[];
  readonly selector?: readonly string[];
  readonly label?: readonly string[];
}

export function withScope(command: Command): Command {
  return command
    .option(
      "--kind <kind>",
      `only records of this kind (${SCOPE_KINDS.join(", ")}; repeatable, or separated by commas)`,
      collect,
    )
    .option(
      "--namespace <name>",
      "only endpoints in this namespace (repeatable, or separated by commas)",
      collect,
    )
    .option("--selector <selector>", "only endpoints whose own labels match", collect)
    .option(
      "--label <key>",
      "of the labels of endpoints only these (repeatable, or separated by commas)",
      collect,
    );
}

/**
 * @returns `null` when the flags narrow nothing.
 * @throws UsageError naming the flag and the rule.
 */
export function scopeOf(flags: ScopeFlags): Scope | null {
  // The last one would hide the others, and show more than they do.
  if ((flags.selector?.length ?? 0) > 1)
    throw new UsageError("--selector: is given more than once; join selectors with &&");
  const given = {
    kinds: splitList(flags.kind),
    namespaces: splitList(flags.namespace),
    selector: flags.selector?.[0],
    labels: splitList(flags.label),
  };
  const parsed = parseScope(given);
  if (parsed.ok) return parsed.scope;
  const told = parsed.problems.map(({ field, rule }) => `${flagOf(field, given)}: ${rule}`);
  throw new UsageError(told.join("; "));
}

/** An empty text stays one, and is refused: a variable that is not set must not widen a grant. */
function splitList(values: readonly string[] | undefined): readonly string[] | undefined {
  return values?.flatMap((value) => value.split(",").map((item) => item.trim()));
}

const FLAGS = { kinds: "--kind", namespaces: "--namespace", labels: "--label" } as const;

/** Of `scope.namespaces.0` the flag with what was given. */
function flagOf(
  field: string,
  given: Readonly<Record<keyof typeof FLAGS, readonly string[] | undefined>> & {
    readonly selector: string | undefined;
  },
): string {
  const [, list = "", index] = field.split(".");
  if (list !== "kinds" && list !== "namespaces" && list !== "labels")
    return `--selector ${JSON.stringify(shortened(given.selector ?? ""))}`;
  const value = index === undefined ? undefined : given[list]?.[Number(index)];
  return value === undefined ? FLAGS[list] : `${FLAGS[list]} ${JSON.stringify(value)}`;
}

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
