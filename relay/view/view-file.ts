/**
 * A view on disk: the hub's own messages, appended as they were applied, each with its length and CRC-32. The cursor is that of the last
 * intact record, so a kill at any byte costs at most the records after it, which the hub sends again. [VIE5]
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

/** Format number in the first bytes; a file of another format is dropped and repaired from the hub. */
const MAGIC = Buffer.from("catwalk-view-1\n");
const HEADER_BYTES = 8;
/** No record is larger: a length beyond it is corruption. */
const MAX_RECORD_BYTES = 2 * 1024 * 1024;

export interface LoadedFile {
  /** Intact records from the beginning. */
  readonly records: readonly Buffer[];
  /** What was cut off, for the log; `null` when the file was whole. */
  readonly damage: string | null;
}

export class ViewFile {
  readonly path: string;
  #descriptor: number | null = null;
  #size = 0;

  constructor(path: string) {
    this.path = path;
  }

  get size(): number {
    return this.#size;
  }

  /** Reads all intact records and cuts off the rest, so that what is appended follows an intact record. */
  load(): LoadedFile {
    let whole: Buffer;
    try {
      whole = readFileSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return { records: [], damage: null };
      throw error;
    }
    if (!whole.subarray(0, MAGIC.length).equals(MAGIC)) {
      this.remove();
      return { records: [], damage: "it is not a view file of this version" };
    }
    const records: Buffer[] = [];
    let at = MAGIC.length;
    while (at + HEADER_BYTES <= whole.length) {
      const length = whole.readUInt32LE(at);
      const end = at + HEADER_BYTES + length;
      if (length > MAX_RECORD_BYTES || end > whole.length) break;
      const record = whole.subarray(at + HEADER_BYTES, end);
      if (crc32(record) !== whole.readUInt32LE(at + 4)) break;
      records.push(record);
      at = end;
    }
    this.#open("r+");
    this.#size = at;
    if (at === whole.length) return { records, damage: null };
    ftruncateSync(this.#descriptor as number, at);
    return {
      records,
      damage: `${whole.length - at} bytes after ${records.length} intact records were cut off`,
    };
  }

  /** @throws the system's error when the disk is full or gone; the file may then end in a cut record, which `load` drops. */
  append(record: Uint8Array): void {
    if (this.#descriptor === null) this.#create();
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(record.length, 0);
    header.writeUInt32LE(crc32(record), 4);
    const bytes = Buffer.concat([header, record]);
    let written = 0;
    while (written < bytes.length)
      written += writeSync(
        this.#descriptor as number,
        bytes,
        written,
        bytes.length - written,
        this.#size + written,
      );
    this.#size += bytes.length;
  }

  /** Replaces the file by these records, atomically. */
  rewrite(records: Iterable<Uint8Array>): void {
    const next = new ViewFile(`${this.path}.new`);
    next.remove();
    for (const record of records) next.append(record);
    if (next.#descriptor === null) next.#create();
    next.close();
    this.close();
    renameSync(next.path, this.path);
    this.#open("r+");
    this.#size = next.#size;
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  remove(): void {
    this.close();
    this.#size = 0;
    rmSync(this.path, { force: true });
  }

  #create(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    this.#open("w+");
    writeSync(this.#descriptor as number, MAGIC, 0, MAGIC.length, 0);
    this.#size = MAGIC.length;
  }

  #open(flags: "r+" | "w+"): void {
    this.#descriptor = openSync(this.path, flags, 0o600);
  }
}
