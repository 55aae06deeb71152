/**
 * A disk that fills up: a small tmpfs in a mount namespace, for which nobody needs to be root where
 * users may make namespaces. Only what is started through it sees the disk; a process that does
 * nothing keeps it, and by way of that it is reached from outside.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHUNK = Buffer.alloc(64 * 1024, 0xaa);
/** Longer than any test: what is forgotten goes by itself. */
const KEEPER_SECONDS = 900;

export class SmallDisk {
  /** Where the disk is mounted, for who sees it. */
  readonly path: string;
  readonly #keeper: ChildProcess;

  private constructor(path: string, keeper: ChildProcess) {
    this.path = path;
    this.#keeper = keeper;
  }

  /** @throws Error when this machine lets nobody make a namespace. */
  static async mount(sizeKib: number): Promise<SmallDisk> {
    const path = mkdtempSync(join(tmpdir(), "catwalk-small-disk-"));
    const mount = `mount -t tmpfs -o size=${sizeKib}k none "$0" && echo mounted && exec sleep ${KEEPER_SECONDS}`;
    const keeper = spawn("unshare", ["-rm", "sh", "-c", mount, path], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise<void>((resolve, reject) => {
      keeper.stdout.once("data", () => resolve());
      keeper.once("error", reject);
      keeper.once("close", (code) =>
        reject(new Error(`unshare -rm: status ${code}: user namespaces are needed`)),
      );
    });
    return new SmallDisk(path, keeper);
  }

  /** The command line that runs a command where the disk is. */
  wrap(...command: readonly string[]): readonly string[] {
    const keeper = String(this.#keeper.pid);
    return ["nsenter", "--preserve-credentials", "-U", "-m", "-t", keeper, ...command];
  }

  /** A path on the disk, as seen from outside. */
  outside(...parts: readonly string[]): string {
    return join(`/proc/${this.#keeper.pid}/root`, this.path, ...parts);
  }

  /** Takes all the room there is. */
  fill(): void {
    const ballast = openSync(this.outside("ballast"), "a");
    for (let size = CHUNK.length; size > 0;) {
      try {
        writeSync(ballast, CHUNK.subarray(0, size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        size = Math.floor(size / 2);
      }
    }
    closeSync(ballast);
  }

  free(): void {
    rmSync(this.outside("ballast"));
  }

  async remove(): Promise<void> {
    const gone = new Promise((resolve) => this.#keeper.once("exit", resolve));
    this.#keeper.kill();
    await gone;
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * Whether this machine lets us mount anything: many containers do not. What is shown with a real
 * disk is shown with injected errors elsewhere.
 */
export function canMount(): boolean {
  const { status } = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", tmpdir()]);
  if (status !== 0)
    process.stderr.write("no user namespaces here: a full disk is shown by injected errors only\n");
  return status === 0;
}

/** Of a process's children. */
export function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return readFileSync(path, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

/** workerd below a process, however deep. */
export function workerdBelow(pid: number): number {
  const found = childrenOf(pid).flatMap((child) => {
    const name = readFileSync(`/proc/${child}/comm`, "utf8").trim();
    return name === "workerd" ? [child] : [workerdBelow(child)];
  });
  return found.find((each) => each > 0) ?? 0;
}
