/**
 * How many changes the messages of one origin bring: each is opened once, however many readers get
 * it.
 */
import { toId } from "../../shared/lib/bytes.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import type { CatchUp, Frame } from "../../shared/protocol/messages.ts";

/** Messages that are remembered: who is further behind than that opens them again. */
const MESSAGES = 256;

export class ChangeCounts {
  /** By the place in the log. */
  readonly #counts = new Map<string, number>();

  /** 0 for what cannot be read. */
  of(message: Frame | CatchUp): number {
    const place = `${toId(message.previous)} ${message.revision}`;
    const known = this.#counts.get(place);
    if (known !== undefined) return known;
    const decoded = decodePayload(message.payload);
    const count = decoded.ok ? decoded.changes.length : 0;
    if (this.#counts.size >= MESSAGES) this.#counts.clear();
    this.#counts.set(place, count);
    return count;
  }
}
