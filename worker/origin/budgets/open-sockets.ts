/**
 * Sockets of this process, over all its objects. A hub of one's own has a bound on open files, past
 * which workerd does not refuse a connection but ends; so the Worker refuses before. On Cloudflare
 * every object has a process of its own, and no bound is set. [API8]
 *
 * A member may have four times as many as are left. So one member alone can have four fifths, and
 * however many members take all they can, something is left for a member that has few: the bound on
 * each falls with the number left for all. [API14]
 */
import { BUDGETS } from "./limits.ts";

export class OpenSockets {
  /** Member of each socket. */
  readonly #members = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** When sockets went whose files may still be open, oldest first: ms of some clock. [API64] */
  readonly #goneMs: number[] = [];

  add(id: string, member: string): void {
    if (this.#members.has(id)) return;
    this.#members.set(id, member);
    this.#counts.set(member, this.countOf(member) + 1);
  }

  delete(id: string, nowMs: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#forgetGone(nowMs);
    this.#goneMs.push(nowMs);
    this.#members.delete(id);
    const left = this.countOf(member) - 1;
    if (left > 0) this.#counts.set(member, left);
    else this.#counts.delete(member);
  }

  countOf(member: string): number {
    return this.#counts.get(member) ?? 0;
  }

  /** @param most Absent or no number: any. */
  hasRoom(most: string | undefined, member: string, nowMs: number): boolean {
    const bound = Number(most) || Infinity;
    const free = bound - this.#members.size;
    if (free <= 0 || this.countOf(member) >= BUDGETS.socketsPerFreeSocket * free) return false;
    this.#forgetGone(nowMs);
    return this.#members.size + this.#goneMs.length < bound * BUDGETS.withGoneShare;
  }

  #forgetGone(nowMs: number): void {
    const first = this.#goneMs.findIndex((ms) => ms > nowMs - BUDGETS.goneMs);
    this.#goneMs.splice(0, first < 0 ? this.#goneMs.length : first);
  }
}
