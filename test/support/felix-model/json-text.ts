/**
 * JSON as Go's readers see it: a name may stand in an object twice, and each of its values is read;
 * a number keeps its spelling, because Go reads integers of 64 bits, and no `1e3` into one.
 * `JSON.parse` has forgotten both.
 *
 * A little stricter than json-iterator, which Calico uses (seen with 3.32.1: it takes a control
 * character in a field name, or in a string that has an escape, and ends at a NUL byte): what it
 * alone takes, the model says to be fatal. Nobody should send it.
 */

export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Names and values in the order of the text. */
export class JsonEntries {
  readonly entries: readonly (readonly [string, Json])[];
  constructor(entries: readonly (readonly [string, Json])[]) {
    this.entries = entries;
  }
}

export type Json = null | boolean | string | NumberText | JsonEntries | readonly Json[];

const SPACE = /[ \t\r\n]*/y;
const WORD = /true|false|null/y;
const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"([^"\\\p{Cc}]|[\u007f-\u009f]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;

/** @throws SyntaxError */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): Json {
    const word = this.#take(WORD);
    if (word !== null) return word === "null" ? null : word === "true";
    const number = this.#take(NUMBER);
    if (number !== null) {
      // Go checks that a number is one of 64 bits of floating point, even where it skips it.
      if (!Number.isFinite(Number(number))) throw new SyntaxError(`${number} is too large`);
      return new NumberText(number);
    }
    const string = this.#take(STRING);
    if (string !== null) return JSON.parse(string) as string;
    if (this.#has("[")) return this.#list("]", () => this.value());
    if (this.#has("{"))
      return new JsonEntries(
        this.#list("}", () => {
          const name = this.#take(STRING);
          if (name === null || !this.#has(":")) throw this.#wrong("a name");
          return [JSON.parse(name) as string, this.value()] as const;
        }),
      );
    throw this.#wrong("a value");
  }

  end(): void {
    this.#take(SPACE);
    if (this.#at < this.#text.length) throw this.#wrong("the end");
  }

  #list<T>(end: string, one: () => T): T[] {
    const list: T[] = [];
    if (this.#has(end)) return list;
    do list.push(one());
    while (this.#has(","));
    if (!this.#has(end)) throw this.#wrong(end);
    return list;
  }

  #has(character: string): boolean {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    if (this.#text[SPACE.lastIndex] !== character) return false;
    this.#at = SPACE.lastIndex + 1;
    return true;
  }

  /** The match where the text stands after white space, or `null`. */
  #take(pattern: RegExp): string | null {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    pattern.lastIndex = SPACE.lastIndex;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #wrong(expected: string): SyntaxError {
    return new SyntaxError(`no JSON: ${expected} expected at ${this.#at}`);
  }
}
