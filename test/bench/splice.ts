/** What the splice costs: latency, throughput, memory, with Typha, relay and clients as processes of their own. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";

import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const KEYS = 100_000;
const CONNECTIONS = 100;
const PROBES = 1_000;
const CHURN_PER_SECOND = 2_000;
const CHURN_SECONDS = 120;
const MB = 1024 * 1024;

interface Answer {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A child process, and what it says. */
class Child {
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

interface Setup {
  readonly typha: Child;
  readonly relay: Child;
  readonly clients: Child;
  readonly direct: number;
  readonly spliced: number;
  stop(): void;
}

async function setUp(local: number, remote: number): Promise<Setup> {
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

async function connectAll(
  clients: Child,
  port: number,
  count: number,
  checked = 0,
  tag = "all",
): Promise<Answer> {
  const synced = clients.next("in-sync");
  clients.tell({ type: "connect", port, count, checked, tag });
  return synced;
}

async function memory(relay: Child): Promise<Record<"rss" | "heapUsed" | "external", number>> {
  const answer = relay.next("memory");
  relay.tell({ type: "memory" });
  return (await answer) as never;
}

export async function* benchSplice(): AsyncGenerator<Figure> {
  yield* benchSpliceSnapshot();
  yield* latency();
  yield* benchSpliceCrowd();
}

export async function* benchSpliceChurn(): AsyncGenerator<Figure> {
  const setup = await setUp(KEYS, KEYS);
  await connectAll(setup.clients, setup.spliced, 10);
  let closed = 0;
  let late: number[] = [];
  setup.clients.listen((answer) => {
    if (answer.type === "closed") closed++;
    if (answer.type === "probe") late.push((answer["us"] as number) / 1000);
  });
  const done = setup.typha.next("done");
  setup.typha.tell({ type: "churn", perSecond: CHURN_PER_SECOND, seconds: CHURN_SECONDS });
  const rounds: { rss: number; p99: number }[] = [];
  let isDone = false;
  void done.then(() => (isDone = true));
  while (!isDone) {
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    rounds.push({ rss: (await memory(setup.relay)).rss, p99: quantile(late, 0.99) });
    progress(JSON.stringify(rounds.at(-1)));
    late = [];
  }
  setup.stop();
  const half = rounds.slice(1).map((round) => round.rss / MB);
  const early = median(half.slice(0, Math.ceil(half.length / 3)));
  const end = median(half.slice(-Math.ceil(half.length / 3)));
  yield figure("local churn of 2,000/s for 2 minutes, 10 Felixes: growth", end - early, "MB", 5);
  yield figure("local churn: p99 at the end", rounds.at(-1)?.p99 ?? Number.NaN, "ms", 100);
  yield figure("local churn: connections lost", closed, "", 0);
}

export async function* benchSpliceSnapshot(): AsyncGenerator<Figure> {
  const setup = await setUp(KEYS, 0);
  const times: Record<"direct" | "spliced", number[]> = { direct: [], spliced: [] };
  for (let round = 0; round < 15; round++)
    for (const way of ["direct", "spliced"] as const) {
      const synced = await connectAll(setup.clients, setup[way], 1);
      times[way].push(synced["ms"] as number);
      setup.clients.tell({ type: "close" });
    }
  setup.stop();
  progress(JSON.stringify(times));
  yield figure(
    `snapshot of ${KEYS} local key/values: direct`,
    median(times.direct.slice(3)),
    "ms",
    null,
  );
  yield figure(
    `snapshot of ${KEYS} local key/values: throughput against direct`,
    median(times.direct.slice(3)) / median(times.spliced.slice(3)),
    "×",
    0.5,
    false,
  );
}

async function* latency(): AsyncGenerator<Figure> {
  const setup = await setUp(KEYS, KEYS);
  const taken: Record<string, number[]> = { direct: [], spliced: [] };
  setup.clients.listen((answer) => {
    if (answer.type === "probe")
      taken[answer["tag"] as string]?.push((answer["us"] as number) / 1000);
  });
  await connectAll(setup.clients, setup.direct, 1, 0, "direct");
  await connectAll(setup.clients, setup.spliced, 1, 0, "spliced");
  const done = setup.typha.next("done");
  setup.typha.tell({ type: "probe", count: PROBES, everyMs: 5 });
  await done;
  setup.stop();
  for (const [name, q, target] of [
    ["p50", 0.5, 0.5],
    ["p99", 0.99, 5],
  ] as const)
    yield figure(
      `latency that the splice adds to a local key/value: ${name}`,
      quantile(taken["spliced"] ?? [], q) - quantile(taken["direct"] ?? [], q),
      "ms",
      target,
    );
}

export async function* benchSpliceCrowd(): AsyncGenerator<Figure> {
  const setup = await setUp(KEYS, KEYS);
  await connectAll(setup.clients, setup.spliced, 1);
  const one = await memory(setup.relay);
  const synced = await connectAll(setup.clients, setup.spliced, CONNECTIONS - 1, 1);
  const peak = await memory(setup.relay);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const all = await memory(setup.relay);
  setup.stop();
  progress(JSON.stringify({ one, peak, all, sizes: synced["sizes"] }));
  yield figure(
    `${CONNECTIONS} Felixes, ${KEYS} remote and ${KEYS} local keys: all in sync`,
    (synced["ms"] as number) / 1000,
    "s",
    10,
  );
  yield figure(
    `${CONNECTIONS} Felixes: memory per connection over the first`,
    (all.rss - one.rss) / MB / (CONNECTIONS - 1),
    "MB",
    3,
  );
  yield figure(
    "wrong key/values at the client that keeps them",
    Math.abs(((synced["sizes"] as number[])[0] ?? 0) - 2 * KEYS),
    "",
    0,
  );
}
