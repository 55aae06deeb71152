/** The program of a pod, in its namespace, as its test speaks with it. */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Order =
  | { readonly id: number; readonly do: "ping"; readonly to: string }
  | { readonly id: number; readonly do: "flow"; readonly to: string; readonly everyMs: number }
  | { readonly id: number; readonly do: "stop" };

/** What became of one packet. */
export interface Pong {
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  readonly tookMs: number;
  /** Source that the other pod saw, address and port; `null`: it was lost. */
  readonly seen: string | null;
  /** The source that was seen is not the one that it was sent from. */
  readonly isHidden: boolean;
}

export interface Said {
  readonly id: number;
  readonly pongs: readonly Pong[];
}

export interface Flow {
  /** @returns Every packet's fate, once all are known. */
  stop(): Promise<readonly Pong[]>;
}

const PROGRAM = join(import.meta.dirname, "pod.ts");

export class PodProcess {
  readonly addresses: readonly string[];
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Said>>();
  #ids = 0;

  private constructor(namespace: string, addresses: readonly string[]) {
    this.addresses = addresses;
    const args = ["netns", "exec", namespace, process.execPath, PROGRAM, ...addresses];
    this.#child = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin.on("error", () => undefined);
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as Said;
      this.#waiting.get(said.id)?.resolve(said);
      this.#waiting.delete(said.id);
    });
    this.#child.once("exit", (code) => {
      const error = new Error(`the program in ${namespace} ended: ${code}`);
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  static async start(namespace: string, addresses: readonly string[]): Promise<PodProcess> {
    const pod = new PodProcess(namespace, addresses);
    await pod.#said(0);
    return pod;
  }

  /** One packet there and back. */
  async ping(to: string): Promise<Pong> {
    const id = ++this.#ids;
    this.#tell({ id, do: "ping", to });
    const [pong] = (await this.#said(id)).pongs;
    if (pong === undefined) throw new Error("no pong was told");
    return pong;
  }

  /** Packets, until it is stopped. */
  flow(to: string, everyMs: number): Flow {
    const id = ++this.#ids;
    this.#tell({ id, do: "flow", to, everyMs });
    return {
      stop: async () => {
        this.#tell({ id, do: "stop" });
        return (await this.#said(id)).pongs;
      },
    };
  }

  /** Ends with its input. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #tell(order: Order): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  #said(id: number): Promise<Said> {
    const waiting = Promise.withResolvers<Said>();
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }
}
