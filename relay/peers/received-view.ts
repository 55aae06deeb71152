/**
 * A view file that comes from another relay: written beside, looked through as the loader does, on
 * disk, and only then in its place. What is not what was asked for leaves nothing. [PEE4]
 */
import { mkdir, open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

import { readMeta } from "../view/view-events.ts";
import type { ViewHeader } from "../view/file-meta.ts";
import { viewPath } from "../view/views-folder.ts";
import { ViewFile } from "../view/view-file.ts";
import { PeerError } from "./frames.ts";

/** Not the name of a view, so that a half is never taken for one. */
const SUFFIX = ".from-peer";
/**
 * A view that nothing has come for yet is its header, in which the largest scope has about 150 KB,
 * and labels of scopes before as much.
 */
const EMPTY_BYTES = 512 * 1024;

/**
 * Whether the file of this view is there and says anything: what it says is never replaced, however
 * little that is.
 */
export function hasView(stateDir: string, rcc: string): boolean {
  const path = viewPath(stateDir, rcc);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size > EMPTY_BYTES) return size !== undefined;
  const { isOnlyHeader } = lookThrough(path);
  return !isOnlyHeader;
}

/** Of a process that ended in the middle. */
export function removeHalfViews(stateDir: string): void {
  const folder = dirname(viewPath(stateDir, "x"));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  for (const name of readdirSync(folder))
    if (name.endsWith(SUFFIX)) rmSync(join(folder, name), { force: true });
}

export class ReceivedView {
  readonly #path: string;
  readonly #expected: Omit<ViewHeader, "originName">;
  #file: FileHandle | null = null;

  constructor(stateDir: string, expected: Omit<ViewHeader, "originName">) {
    this.#path = viewPath(stateDir, expected.rcc);
    this.#expected = expected;
  }

  async create(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    // Not through a link that somebody put there. [FLT7]
    await rm(this.#fresh, { force: true });
    this.#file = await open(this.#fresh, "wx", 0o600);
  }

  async writePart(bytes: Uint8Array): Promise<void> {
    await this.#file?.writeFile(bytes);
  }

  /** Puts it in its place. @throws PeerError when it is not this remote's view, whole. */
  async moveIntoPlace(): Promise<void> {
    await this.#file?.sync();
    await this.#close();
    const wrong = wrongWith(lookThrough(this.#fresh), this.#expected);
    if (wrong !== null) throw new PeerError(`its view of ${this.#expected.rcc} ${wrong}`);
    await rename(this.#fresh, this.#path);
    const folder = await open(dirname(this.#path), "r");
    await folder.sync().finally(() => folder.close());
  }

  /** Leaves nothing of what is not in its place. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.#fresh, { force: true });
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  get #fresh(): string {
    return `${this.#path}${SUFFIX}`;
  }
}

interface Look {
  /** The last one: a remote that was added again has a further header. */
  readonly header: ViewHeader | null;
  readonly isOnlyHeader: boolean;
  readonly damage: string | null;
}

function lookThrough(path: string): Look {
  const file = new ViewFile(path);
  if (file.isVersion1) {
    file.close();
    return { header: null, isOnlyHeader: false, damage: "is of the format before" };
  }
  let header: ViewHeader | null = null;
  let isOnlyHeader = true;
  let unknown: string | null = null;
  try {
    const { damage } = file.load((body) => {
      const meta = readMeta(body);
      if (meta?.type === "header") header = meta;
      else isOnlyHeader = false;
      if (meta === null) unknown = "has a record that is not of this version";
    });
    return { header, isOnlyHeader, damage: unknown ?? (damage && `is damaged: ${damage}`) };
  } finally {
    file.close();
  }
}

function wrongWith(look: Look, expected: Omit<ViewHeader, "originName">): string | null {
  const { header, damage } = look;
  if (damage !== null) return damage;
  if (header === null) return "has no header";
  for (const field of ["rcc", "meshId", "originUid"] as const)
    if (header[field] !== expected[field]) return `is of another ${field}`;
  return null;
}
