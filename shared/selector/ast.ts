/**
 * Calico's selector language as a tree, its normal form, and what it matches. Source: calico
 * v3.32.1 libcalico-go/lib/selector.
 */
export type Selector =
  | { readonly op: "all" }
  | { readonly op: "global" }
  | { readonly op: "has"; readonly label: string }
  | { readonly op: Comparison; readonly label: string; readonly value: string }
  | { readonly op: "in" | "not in"; readonly label: string; readonly values: readonly string[] }
  | { readonly op: "not"; readonly operand: Selector }
  | { readonly op: "and" | "or"; readonly operands: readonly Selector[] };

/** What has no selector inside. */
export type Leaf = Exclude<Selector, { readonly op: "not" | "and" | "or" }>;

export type Comparison = "==" | "!=" | "contains" | "starts with" | "ends with";

/** Label lookup; `undefined` for a label that is not there. */
export type LabelLookup = (label: string) => string | undefined;

/** A missing label matches `!=` and `not in`, and nothing else that names it. [SEL3] */
export function matches(selector: Selector, labels: LabelLookup): boolean {
  switch (selector.op) {
    case "all":
    case "global":
      return true;
    case "has":
      return labels(selector.label) !== undefined;
    case "==":
      return labels(selector.label) === selector.value;
    case "!=":
      return labels(selector.label) !== selector.value;
    case "contains":
      return labels(selector.label)?.includes(selector.value) ?? false;
    case "starts with":
      return labels(selector.label)?.startsWith(selector.value) ?? false;
    case "ends with":
      return labels(selector.label)?.endsWith(selector.value) ?? false;
    case "in": {
      const value = labels(selector.label);
      return value !== undefined && selector.values.includes(value);
    }
    case "not in": {
      const value = labels(selector.label);
      return value === undefined || !selector.values.includes(value);
    }
    case "not":
      return !matches(selector.operand, labels);
    case "and":
      return selector.operands.every((operand) => matches(operand, labels));
    case "or":
      return selector.operands.some((operand) => matches(operand, labels));
  }
}

/** Labels that a selector asks for. */
export function labelsIn(selector: Selector): readonly string[] {
  if (selector.op === "and" || selector.op === "or") return selector.operands.flatMap(labelsIn);
  if (selector.op === "not") return labelsIn(selector.operand);
  return "label" in selector ? [selector.label] : [];
}

/** The selector with each leaf (a function, or a comparison of one label) replaced. */
export function mapLeaves(selector: Selector, replace: (leaf: Leaf) => Selector): Selector {
  if (selector.op === "not") return { op: "not", operand: mapLeaves(selector.operand, replace) };
  if (!("operands" in selector)) return replace(selector);
  const operands = selector.operands.map((operand) => mapLeaves(operand, replace));
  return { op: selector.op, operands };
}

/**
 * How many `&&` and `||` stand in one another: as many parentheses as the normal form has in one
 * another.
 */
export function nestingOf(selector: Selector): number {
  if (selector.op === "not") return nestingOf(selector.operand);
  if (selector.op !== "and" && selector.op !== "or") return 0;
  return 1 + selector.operands.reduce((most, operand) => Math.max(most, nestingOf(operand)), 0);
}

/** Calico's canonical text: equal selectors that differ in spelling only have equal text. [SEL2] */
export function formatSelector(selector: Selector): string {
  switch (selector.op) {
    case "all":
      return "all()";
    case "global":
      return "global()";
    case "has":
      return `has(${selector.label})`;
    case "in":
    case "not in":
      return `${selector.label} ${selector.op} {${selector.values.map(quote).join(", ")}}`;
    case "not":
      return `!${formatSelector(selector.operand)}`;
    case "and":
      return `(${selector.operands.map(formatSelector).join(" && ")})`;
    case "or":
      return `(${selector.operands.map(formatSelector).join(" || ")})`;
    case "==":
    case "!=":
    case "contains":
    case "starts with":
    case "ends with":
      return `${selector.label} ${selector.op} ${quote(selector.value)}`;
  }
}

/**
 * The normal form that reads as itself: Calico's, without a negation of a negation. Calico writes
 * `!(!a)` as `!!a`, which is the selector `a`. [SEL8]
 */
export function canonicalSelector(selector: Selector): string {
  return formatSelector(withoutDoubleNegation(selector));
}

function withoutDoubleNegation(selector: Selector): Selector {
  if (selector.op === "not") {
    const { operand } = selector;
    if (operand.op === "not") return withoutDoubleNegation(operand.operand);
    return { op: "not", operand: withoutDoubleNegation(operand) };
  }
  if (!("operands" in selector)) return selector;
  return { op: selector.op, operands: selector.operands.map(withoutDoubleNegation) };
}

/** There are no escapes: a value holds at most one kind of quote. */
function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}
