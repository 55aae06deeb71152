/**
 * Parser of Calico's selector language: `||` binds weaker than `&&`, weaker than `!`; white space
 * is space and tab; no escapes inside quotes. Errors name the place. [SEL1]
 */
import { nestingOf } from "./ast.ts";
import type { Comparison, Selector } from "./ast.ts";

export type ParsedSelector =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly error: string };

/** Nesting of parentheses and negations; deeper ones are refused instead of filling the stack. */
const MAX_DEPTH = 200;
const LABEL = /[A-Za-z0-9_./-]{1,512}/y;
const OPERATORS: readonly (readonly [RegExp, Comparison | "in" | "not in"])[] = [
  [/==/y, "=="],
  [/!=/y, "!="],
  [/not[ \t]*in/y, "not in"],
  [/in/y, "in"],
  [/contains/y, "contains"],
  [/starts[ \t]*with/y, "starts with"],
  [/ends[ \t]*with/y, "ends with"],
];

class SelectorError extends Error {}

/** The empty selector matches everything. */
export function parseSelector(text: string): ParsedSelector {
  const parser = new Parser(text);
  try {
    return { ok: true, selector: parser.whole() };
  } catch (error) {
    if (error instanceof SelectorError) return { ok: false, error: error.message };
    throw error;
  }
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Selector {
    this.#space();
    if (this.#at === this.#text.length) return { op: "all" };
    const selector = this.#or();
    if (this.#at < this.#text.length) this.#fail("expected && or || or the end");
    // The normal form writes parentheses that the text has not: it is to be readable too. [SEL8]
    if (nestingOf(selector) > MAX_DEPTH) this.#fail(`&& and || nested deeper than ${MAX_DEPTH}`);
    return selector;
  }

  #or(): Selector {
    return this.#list("||", "or", () => this.#list("&&", "and", () => this.#not()));
  }

  #list(separator: string, op: "and" | "or", item: () => Selector): Selector {
    const operands = [item()];
    while (this.#accept(separator)) operands.push(item());
    return operands.length === 1 ? (operands[0] as Selector) : { op, operands };
  }

  #not(): Selector {
    let isNegated = false;
    // Not `!=`: that cannot begin an operand.
    while (this.#accept("!")) isNegated = !isNegated;
    const operand = this.#operand();
    return isNegated ? { op: "not", operand } : operand;
  }

  #operand(): Selector {
    if (this.#accept("(")) {
      if (++this.#depth > MAX_DEPTH) this.#fail(`parentheses nested deeper than ${MAX_DEPTH}`);
      const inner = this.#or();
      this.#depth--;
      if (!this.#accept(")")) this.#fail("expected )");
      return inner;
    }
    const label = this.#match(LABEL);
    if (label === null) return this.#fail("expected a label name, a function or (");
    // A function's parenthesis follows at once; with a space between, it is a label.
    if (this.#text[this.#at] === "(") return this.#call(label);
    this.#space();
    return this.#comparison(label);
  }

  #call(name: string): Selector {
    this.#at++;
    this.#space();
    if (name === "has") {
      const label = this.#match(LABEL) ?? this.#fail("expected a label name in has()");
      this.#space();
      if (!this.#accept(")")) this.#fail("expected ) after has(");
      return { op: "has", label };
    }
    if (name !== "all" && name !== "global") return this.#fail(`unknown function ${name}()`);
    if (!this.#accept(")")) this.#fail(`expected ) after ${name}(`);
    return { op: name };
  }

  #comparison(label: string): Selector {
    for (const [pattern, op] of OPERATORS) {
      if (this.#match(pattern) === null) continue;
      this.#space();
      if (op === "in" || op === "not in") return { op, label, values: this.#set() };
      return {
        op,
        label,
        value: this.#string() ?? this.#fail(`expected a quoted value after ${op}`),
      };
    }
    return this.#fail(`expected an operator after ${label}`);
  }

  #set(): readonly string[] {
    if (!this.#accept("{")) this.#fail("expected { after in");
    const values = new Set<string>();
    while (!this.#accept("}")) {
      values.add(this.#string() ?? this.#fail("expected a quoted value or }"));
      if (this.#accept(",")) continue;
      if (!this.#accept("}")) this.#fail("expected , or }");
      break;
    }
    return [...values].toSorted(compareCodePoints);
  }

  #string(): string | null {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") return null;
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end < 0) return this.#fail("quote is not closed");
    const value = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    this.#space();
    return value;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  #accept(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    this.#space();
    return true;
  }

  #space(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  #fail(expected: string): never {
    throw new SelectorError(
      `${expected} at position ${this.#at + 1} of ${JSON.stringify(this.#text)}`,
    );
  }
}

/** Go sorts strings by their UTF-8 bytes, which is the order of code points. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
