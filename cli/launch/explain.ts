/**
 * What workerd says of a disk, in words for whoever runs the hub: it says it in the middle of a
 * stack, and once for every event.
 */

/** SQLite's result codes, as they stand in workerd's lines. */
const MEANINGS: readonly (readonly [code: string, meaning: string])[] = [
  [
    "SQLITE_FULL",
    "is full: nothing is committed, and so nothing is acknowledged, until there is room; publishers keep what they have and send it then",
  ],
  ["SQLITE_CORRUPT", "holds a damaged database: put a backup back (`catwalk hub restore`)"],
  ["SQLITE_NOTADB", "holds a damaged database: put a backup back (`catwalk hub restore`)"],
  ["SQLITE_IOERR", "fails: see the system's log"],
  ["SQLITE_READONLY", "cannot be written to: see its mount and permissions"],
];
/** Each is said again after this long, while it lasts. */
const AGAIN_MS = 60_000;

export class Explainer {
  readonly #folder: string;
  readonly #saidMs = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A line to print before this one, when it says something new about the disk. */
  explain(line: string, nowMs: number): string | null {
    const found = MEANINGS.find(([code]) => line.includes(code));
    if (found === undefined) return null;
    const [code, meaning] = found;
    if (nowMs - (this.#saidMs.get(code) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return null;
    this.#saidMs.set(code, nowMs);
    return JSON.stringify({ level: "error", message: `the disk of ${this.#folder} ${meaning}` });
  }
}
