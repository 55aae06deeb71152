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
  }[],
): readonly FieldProblem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys")
      return (issue.keys ?? []).map((key) => ({
        field: path === "" ? key : `${path}.${key}`,
        rule: "is not a known field",
      }));
    return [{ field: path === "" ? "body" : path, rule: issue.message }];
  });
}
