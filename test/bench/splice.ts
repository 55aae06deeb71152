/**
 * What the splice costs: latency, throughput, processor time, memory, with Typha, relay and clients
 * as processes of their own.
 */
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { connectAll, cpuOf, KINDS, memory, setUp } from "./splice-rig.ts";
import type { Cpu } from "./splice-rig.ts";

const KEYS = 100_000;
const CONNECTIONS = 100;
const PROBES = 1_000;
const CHURN_PER_SECOND = 2_000;
const CHURN_SECONDS = 120;
const MB = 1024 * 1024;
const WARM_UP = 3;
const ROUNDS = 9;

interface Round {
  readonly ms: number;
  readonly cpu: Cpu;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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

/**
 * A client that decodes and keeps what it is told is what a Felix is; one that counts bytes only is
 * a bound for any that is faster.
 */
export async function* benchSpliceSnapshot(): AsyncGenerator<Figure> {
  for (const [kind, what, target] of [
    ["decoding", "decodes and keeps them", 0.5],
    ["counting", "counts bytes only", null],
  ] as const) {
    const setup = await setUp(KEYS, 0);
    const rounds: Record<"direct" | "spliced", Round[]> = { direct: [], spliced: [] };
    for (let round = 0; round < WARM_UP + ROUNDS; round++)
      for (const way of ["direct", "spliced"] as const) {
        const before = cpuOf(setup);
        const synced = await connectAll(setup.clients, setup[way], 1, { kind });
        setup.clients.tell({ type: "close" });
        await setup.clients.next("closed-all");
        rounds[way].push({ ms: synced["ms"] as number, cpu: cpuOf(setup, before) });
      }
    setup.stop();
    const of = (way: "direct" | "spliced"): Round[] => rounds[way].slice(WARM_UP);
    const ms = (way: "direct" | "spliced"): number => median(of(way).map((round) => round.ms));
    const name = `snapshot of ${KEYS} local key/values, client ${what}`;
    for (const way of ["direct", "spliced"] as const)
      progress(`${way}: ${JSON.stringify(of(way).map((round) => Math.round(round.ms)))}`);
    yield figure(`${name}: direct`, ms("direct"), "ms", null);
    yield figure(
      `${name}: throughput through the relay against direct`,
      ms("direct") / ms("spliced"),
      "×",
      target,
      false,
    );
    for (const part of ["user", "system"] as const)
      yield figure(
        `${name}: the relay's processor time (${part})`,
        mean(of("spliced").map(({ cpu }) => cpu.relay[part])) * 1000,
        "ms",
        null,
      );
  }
}

async function* latency(): AsyncGenerator<Figure> {
  const setup = await setUp(KEYS, KEYS);
  const taken: Record<string, number[]> = { direct: [], spliced: [] };
  setup.clients.listen((answer) => {
    if (answer.type === "probe")
      taken[answer["tag"] as string]?.push((answer["us"] as number) / 1000);
  });
  await connectAll(setup.clients, setup.direct, 1, { tag: "direct" });
  await connectAll(setup.clients, setup.spliced, 1, { tag: "spliced" });
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
  const before = cpuOf(setup);
  const synced = await connectAll(setup.clients, setup.spliced, CONNECTIONS - 1, { checked: 1 });
  const cpu = cpuOf(setup, before);
  const peak = await memory(setup.relay);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const all = await memory(setup.relay);
  setup.stop();
  progress(JSON.stringify({ one, peak, all, sizes: synced["sizes"] }));
  progress(JSON.stringify(cpu));
  yield figure(
    `${CONNECTIONS} Felixes, ${KEYS} remote and ${KEYS} local keys: all in sync`,
    (synced["ms"] as number) / 1000,
    "s",
    10,
  );
  yield figure(
    `${CONNECTIONS} Felixes: processor time meanwhile, of the relay`,
    cpu.relay.user + cpu.relay.system,
    "s",
    null,
  );
  const others = KINDS.filter((kind) => kind !== "relay");
  yield figure(
    `${CONNECTIONS} Felixes: processor time meanwhile, of the canned Typha and of the clients`,
    others.reduce((sum, kind) => sum + cpu[kind].user + cpu[kind].system, 0),
    "s",
    null,
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
