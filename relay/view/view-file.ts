/**
 * A view on disk: bodies appended as they were applied, each with its length and CRC-32. The
 * position is that of the last intact body, so a kill at any byte costs at most the bodies after
 * it, which the hub sends again. [VIE5] What was appended stays readable at its place.
 *
 * A full disk costs the file, not the view: what cannot be written waits in memory, readable all
 * the same, and is written with the next body that finds room. [VIE10]
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

import { isSystemError } from "../lib/system-error.ts";
import { createFile, syncFolder } from "../lib/atomic-file.ts";
import { BodyScan, HEADER_BYTES } from "./body-scan.ts";

/**
 * Format in the first bytes; a file of a format that is not known is dropped and repaired from the
 * hub.
 */
const MAGIC = Buffer.from("catwalk-view-2\n");
const MAGIC_VERSION_1 = Buffer.from("catwalk-view-1\n");
const WINDOW_BYTES = 64 * 1024;
/** Bytes that may wait for room on the disk; with more the view takes no more in. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Writes all bytes at a position, or throws the system's error. */
export type WriteAt = (descriptor: number, bytes: Uint8Array, at: number) => void;

/**
 * Returns when a file's bytes are where a loss of power leaves them, or throws the system's error.
 */
export type Sync = (descriptor: number) => void;

export interface LoadedFile {
  /** Intact bodies. */
  readonly bodies: number;
  /** Damage that was cut off, for the log; `null` when the file was whole. */
  readonly damage: string | null;
}

export class ViewFile {
  #path: string;
  readonly #writeAt: WriteAt;
  readonly #sync: Sync;
  #descriptor: number | null = null;
  /** On disk, and with what waits to be. */
  #written = 0;
  #size = 0;
  #waiting: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #writeError: string | null = null;
  #window: { readonly at: number; readonly bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };

  constructor(path: string, writeAt: WriteAt = writeAll, sync: Sync = fdatasyncSync) {
    this.#path = path;
    this.#writeAt = writeAt;
    this.#sync = sync;
  }

  get path(): string {
    return this.#path;
  }

  get size(): number {
    return this.#size;
  }

  /** Why the last body is not on disk; `null` when it is. */
  get writeError(): string | null {
    return this.#writeError;
  }

  /** More waits than may; tries to write it first. */
  get isOverfull(): boolean {
    if (this.#size - this.#written > MAX_WAITING_BYTES) this.#flush();
    return this.#size - this.#written > MAX_WAITING_BYTES;
  }

  /** Where the next body will begin. */
  get nextBodyAt(): number {
    return Math.max(this.#size, MAGIC.length) + HEADER_BYTES;
  }

  /** Whether the file is of the first format, which kept the hub's messages as they came. */
  get isVersion1(): boolean {
    return this.#startsWith(MAGIC_VERSION_1);
  }

  /**
   * Reads all intact bodies and cuts off the rest, so that what is appended follows an intact one.
   * A body's bytes are valid during the call only.
   */
  load(onBody: (body: Buffer, at: number) => void): LoadedFile {
    if (!this.#open()) return { bodies: 0, damage: null };
    if (!this.#startsWith(MAGIC) && !this.isVersion1) {
      this.remove();
      return { bodies: 0, damage: "it is not a view file of this version" };
    }
    const scan = new BodyScan(this.#descriptor as number, MAGIC.length);
    let bodies = 0;
    this.#written = this.#size = scan.end;
    for (let body = scan.next(); body !== null; body = scan.next()) {
      // Readable from here on: a delete is applied with the record that it takes away.
      this.#written = this.#size = scan.end;
      onBody(body, scan.bodyAt);
      bodies++;
    }
    if (scan.restBytes === 0) return { bodies, damage: null };
    ftruncateSync(this.#descriptor as number, scan.end);
    return {
      bodies,
      damage: `${scan.restBytes} bytes after ${bodies} intact records were cut off`,
    };
  }

  append(body: Uint8Array): void {
    this.#size = Math.max(this.#size, MAGIC.length);
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(body.length, 0);
    header.writeUInt32LE(crc32(body), 4);
    const isWritten = this.#waiting.length === 0 && this.#write([header, body], this.#size);
    if (!isWritten) this.#waiting.push({ at: this.#size, bytes: Buffer.concat([header, body]) });
    this.#size += header.length + body.length;
    if (!isWritten) this.#flush();
  }

  /** Bytes of an appended body, wherever they are. The answer is a copy. */
  read(at: number, length: number): Buffer {
    if (at >= this.#written) {
      const part = this.#waiting.findLast((waiting) => waiting.at <= at);
      if (part !== undefined)
        return Buffer.from(part.bytes.subarray(at - part.at, at - part.at + length));
    }
    if (!this.#open()) throw new Error(`${this.#path} is gone`);
    const { at: from, bytes } = this.#window;
    if (at >= from && at + length <= from + bytes.length)
      return Buffer.from(bytes.subarray(at - from, at - from + length));
    // Ahead only of who reads on: from a place that is far nothing else is wanted.
    const isOn = at >= from + bytes.length && at < from + bytes.length + WINDOW_BYTES;
    const size = Math.min(isOn ? Math.max(length, WINDOW_BYTES) : length, this.#written - at);
    const read = Buffer.allocUnsafeSlow(Math.max(size, 0));
    const got = size <= 0 ? 0 : readSync(this.#descriptor as number, read, 0, size, at);
    if (got < length)
      throw new Error(`${this.#path} ends at ${at + got}: it was cut by somebody else`);
    this.#window = { at, bytes: read.subarray(0, got) };
    return Buffer.from(read.subarray(0, length));
  }

  /** A file beside this one, to be written whole and then moved over it. */
  sibling(suffix: string): ViewFile {
    const made = new ViewFile(`${this.#path}${suffix}`, this.#writeAt, this.#sync);
    made.remove();
    return made;
  }

  /**
   * Takes another file's place, atomically, also for a machine that loses its power: a name that
   * comes to disk before the bytes would leave an empty view, which only the hub could fill. What
   * is appended later waits for nobody: a loss of power costs the last bodies, as a kill does.
   * Answers whether it has.
   */
  moveTo(path: string): boolean {
    try {
      this.#sync(this.#descriptor as number);
      renameSync(this.#path, path);
    } catch (error) {
      this.#writeError = String(error);
      return false;
    }
    this.#path = path;
    try {
      syncFolder(dirname(path));
    } catch {
      // Until a system that can do it has, the name may be the old file's again, which is as good.
    }
    return true;
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#window = { at: 0, bytes: Buffer.alloc(0) };
  }

  remove(): void {
    this.close();
    this.#size = this.#written = 0;
    this.#waiting = [];
    this.#writeError = null;
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#write([next.bytes], next.at)) return;
      this.#waiting.shift();
    }
  }

  /** Answers whether all of it is on disk now. */
  #write(parts: readonly Uint8Array[], at: number): boolean {
    try {
      if (this.#written < MAGIC.length) this.#create();
      let end = at;
      for (const part of parts) {
        this.#writeAt(this.#descriptor as number, part, end);
        end += part.length;
      }
      this.#written = end;
      this.#writeError = null;
      return true;
    } catch (error) {
      this.#writeError = String(error);
      return false;
    }
  }

  #create(): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    // Open already where there was no room for its first bytes.
    this.#descriptor ??= createFile(this.#path);
    this.#writeAt(this.#descriptor as number, MAGIC, 0);
    this.#written = MAGIC.length;
  }

  #startsWith(magic: Buffer): boolean {
    if (this.#descriptor === null && !this.#open()) return false;
    const start = Buffer.alloc(magic.length);
    readSync(this.#descriptor as number, start, 0, magic.length, 0);
    return start.equals(magic);
  }

  /** Answers whether there is such a file; a link to one is none. [FLT7] */
  #open(): boolean {
    if (this.#descriptor !== null) return true;
    try {
      this.#descriptor = openSync(this.#path, constants.O_RDWR | constants.O_NOFOLLOW);
      return true;
    } catch (error) {
      if (isSystemError(error, "ENOENT") || isSystemError(error, "ELOOP")) return false;
      throw error;
    }
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, at: number): void {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(descriptor, bytes, written, bytes.length - written, at + written);
}
