/** What is wrong with an input, field by field, whichever kind of input it is. */

/** One thing that is wrong with an input: where, and the rule. */
export interface FieldProblem {
  readonly field: string;
  readonly rule: string;
}

/** Zod's issues in our form: the field's path (an unknown field by its own), and the rule. */
export function describeIssues(
  issues: readonly {
    readonly code?: string | undefined;
    readonly path: readonly PropertyKey[];
    readonly message: string;
    readonly keys?: readonly string[];
    readonly values?: readonly unknown[];
  }[],
): readonly FieldProblem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys")
      return (issue.keys ?? []).map((key) => ({
        field: path === "" ? key : `${path}.${key}`,
        rule: "is not a known field",
      }));
    return [{ field: path === "" ? "body" : path, rule: inWords(issue.message, issue.values) }];
  });
}

/** The library's own messages as rules; a message of ours stays. */
function inWords(message: string, values: readonly unknown[] | undefined): string {
  const wanted = values?.filter((value) => value !== "").map(String);
  if (wanted !== undefined && message.startsWith("Invalid ")) return `must be ${orList(wanted)}`;
  const type = /^Invalid input: expected (\w+), received (\w+)$/.exec(message);
  if (type === null) return message;
  const article = /^[aeio]/.test(type[1] ?? "") ? "an" : "a";
  return type[2] === "undefined" ? "must be set" : `must be ${article} ${type[1]}`;
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
