/** The processes of the splice's figures: a canned Typha, the relay's splice, the clients. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";

import { cpuTimes } from "./cpu.ts";
import type { CpuTimes } from "./cpu.ts";
import type { ClientsCommand } from "./splice-clients.ts";

export interface Answer {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A child process, and what it says. */
export class Child {
  readonly #process: ChildProcess;
  readonly #listeners = new Set<(answer: Answer) => void>();

  constructor(file: string, ...args: string[]) {
    this.#process = fork(join(import.meta.dirname, file), args, {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#process.on("message", (answer: Answer) => {
      for (const listener of this.#listeners) listener(answer);
    });
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  tell(command: unknown): void {
    this.#process.send(command as object);
  }

  listen(listener: (answer: Answer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  next(type: string): Promise<Answer> {
    return new Promise((resolve) => {
      const stop = this.listen((answer) => {
        if (answer.type !== type) return;
        stop();
        resolve(answer);
      });
    });
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}

export interface Setup {
  readonly typha: Child;
  readonly relay: Child;
  readonly clients: Child;
  readonly direct: number;
  readonly spliced: number;
  stop(): void;
}

export async function setUp(local: number, remote: number): Promise<Setup> {
  const typha = new Child("splice-typha.ts", String(local));
  const direct = (await typha.next("ready"))["port"] as number;
  const relay = new Child("splice-relay.ts", `127.0.0.1:${direct}`, String(remote));
  const spliced = (await relay.next("ready"))["port"] as number;
  const clients = new Child("splice-clients.ts");
  await clients.next("ready");
  const stop = (): void => {
    for (const child of [clients, relay, typha]) child.stop();
  };
  return { typha, relay, clients, direct, spliced, stop };
}

/** @returns What they say when all are in sync. */
export async function connectAll(
  clients: Child,
  port: number,
  count: number,
  options: Partial<Pick<ClientsCommand, "kind" | "checked" | "tag">> = {},
): Promise<Answer> {
  const synced = clients.next("in-sync");
  const command: ClientsCommand = {
    type: "connect",
    port,
    count,
    kind: "counting",
    checked: 0,
    tag: "all",
    ...options,
  };
  clients.tell(command);
  return synced;
}

export const KINDS = ["typha", "relay", "clients"] as const;
export type Cpu = Readonly<Record<(typeof KINDS)[number], CpuTimes>>;

/** Processor time of each process, until now or since `before`. */
export function cpuOf(setup: Setup, before?: Cpu): Cpu {
  const of = (kind: (typeof KINDS)[number]): CpuTimes => {
    const { user, system } = cpuTimes(setup[kind].pid);
    return {
      user: user - (before?.[kind].user ?? 0),
      system: system - (before?.[kind].system ?? 0),
    };
  };
  return { typha: of("typha"), relay: of("relay"), clients: of("clients") };
}

export async function memory(
  relay: Child,
): Promise<Record<"rss" | "heapUsed" | "external", number>> {
  const answer = relay.next("memory");
  relay.tell({ type: "memory" });
  return (await answer) as never;
}
