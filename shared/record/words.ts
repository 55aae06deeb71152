/**
 * Text that repeats: namespaces, nodes, label keys and values are the same few thousand words again
 * and again. What has been read twice and found good is known again by its bytes, and is neither
 * made nor checked anew. A slot holds one word; what is read once replaces none.
 */
import { FieldError } from "./wire-reader.ts";
import type { WireReader } from "./wire-reader.ts";

const SLOTS = 2_048;
const LONGEST = 64;

export class Words {
  /** Answers the text. @throws FieldError with the rule that it breaks. */
  readonly check: (text: string) => string;
  /** Hashes of what was read last, by slot. */
  readonly #seen = new Int32Array(SLOTS);
  readonly #known: (string | null)[] = Array.from({ length: SLOTS }, () => null);

  /** @param check Answers the text. @throws FieldError with the rule that it breaks. */
  constructor(check: (text: string) => string) {
    this.check = check;
  }

  /** The next value, which must be text. @throws FieldError */
  read(reader: WireReader): string {
    const length = reader.text();
    if (length < 0) throw new FieldError("must be text");
    if (length > LONGEST) return this.check(reader.takeText(length));
    const { bytes, at } = reader;
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + (bytes[at + i] as number)) | 0;
    const slot = (hash ^ (hash >>> 11)) & (SLOTS - 1);
    const known = this.#known[slot] as string | null;
    if (known !== null && isText(known, bytes, at, length)) {
      reader.skip(length);
      return known;
    }
    const text = this.check(reader.takeText(length));
    // Of ASCII only: its bytes are its characters.
    if (this.#seen[slot] === hash && text.length === length) this.#known[slot] = text;
    else this.#seen[slot] = hash;
    return text;
  }
}

function isText(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
