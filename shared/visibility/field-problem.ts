/** Faults of an input, field by field, whichever kind of input it is. */

/** One thing that is wrong with an input: where, and the rule. */
export interface FieldProblem {
  readonly field: string;
  readonly rule: string;
}

/** The part of an issue of zod's that we read. */
interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  /** Of what there is too much or too little: `string`, `array`, `number`. */
  readonly origin?: string;
  readonly maximum?: number | bigint;
  readonly minimum?: number | bigint;
}

/** Zod's issues in our form: the field's path (an unknown field by its own), and the rule. */
export function describeIssues(issues: readonly Issue[]): readonly FieldProblem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    if (issue.code === "unrecognized_keys")
      return (issue.keys ?? []).map((key) => ({
        field: path === "" ? key : `${path}.${key}`,
        rule: "is not a known field",
      }));
    return [{ field: path === "" ? "body" : path, rule: inWords(issue) }];
  });
}

/** The library's own messages as rules; a message of ours stays. */
function inWords({ message, values, origin, maximum, minimum }: Issue): string {
  if (message.startsWith("Too big")) return `must ${bound("most", maximum, origin)}`;
  if (message.startsWith("Too small"))
    return minimum === 1 && origin !== "number"
      ? "must not be empty"
      : `must ${bound("least", minimum, origin)}`;
  const wanted = values?.filter((value) => value !== "").map(String);
  if (wanted !== undefined && message.startsWith("Invalid ")) return `must be ${orList(wanted)}`;
  const type = /^Invalid input: expected (\w+), received (\w+)$/.exec(message);
  if (type === null) return message;
  const article = /^[aeio]/.test(type[1] ?? "") ? "an" : "a";
  return type[2] === "undefined" ? "must be set" : `must be ${article} ${type[1]}`;
}

function bound(which: "most" | "least", limit: Issue["maximum"], origin = ""): string {
  if (origin === "string") return `have at ${which} ${limit} characters`;
  return origin === "array" ? `have at ${which} ${limit} entries` : `be at ${which} ${limit}`;
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
