/**
 * The local keys of all Felix connections, each once, as a small number: connections of one cluster
 * are told the same keys. The keys of a Felix that is gone are kept for a while, because it comes
 * back and is told them again; otherwise a key lives as long as somebody holds it. Then its number
 * and its bytes are used again. [TYP13]
 *
 * Open addressing with linear probing over typed arrays, because half a million JS strings in a Map
 * would be 60 MB and their lookup a string made for each key/value of each connection.
 */
import { viewOf } from "../wire/byte-hash.ts";

const FIRST_CAPACITY = 1024;
/** Keys that nobody holds and that are kept, at most: about 14 MB. */
const MAX_IDLE = 131_072;
/** Freed bytes that are worth moving the rest. */
const COMPACT_BYTES = 1024 * 1024;

export class KeyTable {
  /** number + 1, or 0. */
  #slots = new Int32Array(FIRST_CAPACITY * 2);
  #hashes = new Uint32Array(FIRST_CAPACITY);
  #starts = new Uint32Array(FIRST_CAPACITY);
  /** At most `MAX_KEY_BYTES`, which the scanner sees to. */
  #lengths = new Uint16Array(FIRST_CAPACITY);
  #holders = new Uint32Array(FIRST_CAPACITY);
  /**
   * The number that came after this one when somebody was last told both: Typha sends its snapshot
   * in the order of the keys.
   */
  #followers = new Int32Array(FIRST_CAPACITY).fill(-1);
  #arena = new Uint8Array(64 * 1024);
  #arenaView = viewOf(this.#arena);
  #arenaEnd = 0;
  #freedBytes = 0;
  #next = 0;
  /** Keys that were let go, oldest first, as a ring; some are held again. */
  readonly #idle = new Int32Array(MAX_IDLE).fill(-1);
  #idleAt = 0;
  /** Where in the ring a key was let go last. */
  #places = new Int32Array(FIRST_CAPACITY).fill(-1);
  readonly #free: number[] = [];
  readonly #onFree: (id: number) => void;

  /** @param onFree Told when a key is forgotten: its number will be another's. */
  constructor(onFree: (id: number) => void = () => {}) {
    this.#onFree = onFree;
  }

  /** Keys that have a number. */
  get size(): number {
    return this.#next - this.#free.length;
  }

  /** Numbers are below it. */
  get capacity(): number {
    return this.#starts.length;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#arena.length + this.#slots.length * 4 + this.#starts.length * 22 + MAX_IDLE * 4;
  }

  /**
   * The number of a key that is not empty, or -1. `hash` is any hash of it, always the same one.
   */
  find(view: DataView, from: number, to: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = (this.#slots[slot] ?? 0) - 1;
      if (id < 0) return -1;
      if (this.#hashes[id] === hash && this.isKey(id, view, from, to)) return id;
    }
  }

  /**
   * The number that followed `id` before, for a guess that spares the hash; -1 when there is none.
   */
  follower(id: number): number {
    return id < 0 ? -1 : (this.#followers[id] ?? -1);
  }

  setFollower(id: number, follower: number): void {
    if (id >= 0) this.#followers[id] = follower;
  }

  isKey(id: number, view: DataView, from: number, to: number): boolean {
    const length = to - from;
    if (this.#lengths[id] !== length) return false;
    return isSame(this.#arenaView, this.#starts[id] ?? 0, view, from, length);
  }

  /**
   * Adds a key that `find` did not find. Its number is good until it is released; hold it at once.
   */
  add(view: DataView, from: number, to: number, hash: number): number {
    const id = this.#free.pop() ?? this.#next++;
    if (id >= this.#starts.length) this.#grow();
    this.#hashes[id] = hash;
    this.#lengths[id] = to - from;
    this.#starts[id] = this.#store(new Uint8Array(view.buffer, view.byteOffset + from, to - from));
    this.#followers[id] = -1;
    this.#link(id);
    return id;
  }

  key(id: number): Uint8Array {
    const start = this.#starts[id] ?? 0;
    return this.#arena.slice(start, start + (this.#lengths[id] ?? 0));
  }

  hold(id: number): void {
    this.#holders[id] = (this.#holders[id] ?? 0) + 1;
  }

  /** A holder has lost the key: nobody will tell it again, unless somebody else holds it. */
  drop(id: number): void {
    if (this.#unhold(id)) this.#forget(id);
  }

  /** A holder is gone, and may come back: the key is kept for a while. */
  letGo(id: number): void {
    if (!this.#unhold(id)) return;
    const place = this.#idleAt;
    const oldest = this.#idle[place] ?? -1;
    this.#idle[place] = id;
    this.#idleAt = (place + 1) % MAX_IDLE;
    // Not if it is held again, or was let go again since.
    const isIdle = oldest >= 0 && this.#places[oldest] === place && this.#holders[oldest] === 0;
    if (isIdle && oldest !== id) this.#forget(oldest);
    this.#places[id] = place;
  }

  /** Answers whether nobody holds it any more. */
  #unhold(id: number): boolean {
    const left = (this.#holders[id] ?? 1) - 1;
    this.#holders[id] = left;
    return left === 0;
  }

  #forget(id: number): void {
    this.#places[id] = -1;
    this.#unlink(id);
    this.#free.push(id);
    this.#freedBytes += this.#lengths[id] ?? 0;
    this.#lengths[id] = 0;
    if (this.#freedBytes > COMPACT_BYTES && this.#freedBytes * 2 > this.#arenaEnd) this.#compact();
    this.#onFree(id);
  }

  #store(key: Uint8Array): number {
    if (this.#arenaEnd + key.length > this.#arena.length) {
      const arena = new Uint8Array(Math.max(this.#arena.length * 2, this.#arenaEnd + key.length));
      arena.set(this.#arena.subarray(0, this.#arenaEnd));
      this.#arena = arena;
      this.#arenaView = viewOf(arena);
    }
    this.#arena.set(key, this.#arenaEnd);
    this.#arenaEnd += key.length;
    return this.#arenaEnd - key.length;
  }

  #link(id: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[id] ?? 0) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = id + 1;
  }

  /** Moves back what would not be found over the gap: no tombstones, so no sweep of them. */
  #unlink(id: number): void {
    const mask = this.#slots.length - 1;
    let gap = (this.#hashes[id] ?? 0) & mask;
    while (this.#slots[gap] !== id + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const other = (this.#slots[slot] ?? 0) - 1;
      const home = (this.#hashes[other] ?? 0) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.#slots[gap] = other + 1;
      gap = slot;
    }
    this.#slots[gap] = 0;
  }

  #grow(): void {
    const capacity = this.#starts.length * 2;
    this.#hashes = grown(this.#hashes, new Uint32Array(capacity));
    this.#starts = grown(this.#starts, new Uint32Array(capacity));
    this.#lengths = grown(this.#lengths, new Uint16Array(capacity));
    this.#holders = grown(this.#holders, new Uint32Array(capacity));
    this.#followers = grown(this.#followers, new Int32Array(capacity).fill(-1));
    this.#places = grown(this.#places, new Int32Array(capacity).fill(-1));
    const linked = this.#slots.filter((entry) => entry !== 0);
    this.#slots = new Int32Array(capacity * 2);
    for (const entry of linked) this.#link(entry - 1);
  }

  #compact(): void {
    const arena = new Uint8Array(this.#arena.length);
    let end = 0;
    for (let id = 0; id < this.#next; id++) {
      const start = this.#starts[id] ?? 0;
      arena.set(this.#arena.subarray(start, start + (this.#lengths[id] ?? 0)), end);
      this.#starts[id] = end;
      end += this.#lengths[id] ?? 0;
    }
    this.#arena = arena;
    this.#arenaView = viewOf(arena);
    this.#arenaEnd = end;
    this.#freedBytes = 0;
  }
}

/**
 * From the end: keys that follow one another begin alike. Sixteen bytes at a time, the first ones
 * perhaps twice, because a step costs more than what it compares.
 */
function isSame(a: DataView, atA: number, b: DataView, atB: number, length: number): boolean {
  let at = length - 16;
  for (; at >= 0; at -= 16) if (!isSame16(a, atA + at, b, atB + at)) return false;
  if (at === -16) return true;
  if (length >= 16) return isSame16(a, atA, b, atB);
  for (at = length - 1; at >= 0; at--)
    if (a.getUint8(atA + at) !== b.getUint8(atB + at)) return false;
  return true;
}

function isSame16(a: DataView, atA: number, b: DataView, atB: number): boolean {
  const differs =
    (a.getInt32(atA, true) ^ b.getInt32(atB, true)) |
    (a.getInt32(atA + 4, true) ^ b.getInt32(atB + 4, true)) |
    (a.getInt32(atA + 8, true) ^ b.getInt32(atB + 8, true)) |
    (a.getInt32(atA + 12, true) ^ b.getInt32(atB + 12, true));
  return differs === 0;
}

function grown<T extends Uint32Array | Uint16Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
