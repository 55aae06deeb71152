/**
 * Side by side with etcd: the same values and changes, one stream for each watcher, both persisted,
 * in the same run, one after the other. What one second of the server's processor time delivers is
 * compared, and the latency. etcd has a client in Go, and is written to in two ways: *single*, a
 * put for each change, as Calico and other users of it write, and *grouped*, what changed in 3 ms
 * as one transaction, as our publisher sends it, which none of them does. Where it cannot deliver
 * the rate, the highest that it does is reported.
 */
import { execFile, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { address, pod, put } from "../support/records.ts";
import { cpuSeconds } from "./cpu.ts";
import { runRound } from "./fan-out.ts";
import type { Round } from "./fan-out.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";

const SOURCES = join(import.meta.dirname, "etcd");
export const PEER = join(import.meta.dirname, "../../.build/etcd-peer");
type Writing = "single" | "grouped";
const WRITINGS: readonly Writing[] = ["single", "grouped"];
const SETTINGS = [
  { readers: 10, rate: 5_000, rounds: 5 },
  { readers: 100, rate: 20_000, rounds: 3 },
  { readers: 500, rate: 9_000, rounds: 3 },
] as const;
/** Ours has clients that do as little as etcd's. */
const LEAN = "lean-round.ts";
const SECONDS = 4;
const PODS = 20_000;
/** A rate is held when so much of it is delivered by its end. */
const HELD = 0.95;

interface EtcdRound {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly perCpuSecond: number;
}

/** @param only Readers of the one setting that is to be run. */
export async function* benchEtcdPeer(only?: number): AsyncGenerator<Figure> {
  buildPeer();
  for (const { readers, rate, rounds } of SETTINGS) {
    if (only !== undefined && only !== readers) continue;
    const ours: Round[] = [];
    const theirs = new Map<Writing, Compared[]>(WRITINGS.map((writing) => [writing, []]));
    const held = new Map<Writing, number>();
    for (let round = 0; round < rounds; round++) {
      const own = await runRound({ readers, changesPerSecond: rate, p50: null, p99: 0 }, LEAN);
      ours.push(own);
      for (const [writing, compared] of theirs) {
        const etcd = await highestHeld(readers, held.get(writing) ?? rate, writing);
        held.set(writing, etcd.rate);
        const setting = { readers, changesPerSecond: etcd.rate, p50: null, p99: 0 };
        compared.push({ etcd, ours: etcd.rate === rate ? own : await runRound(setting, LEAN) });
        progress(`${readers} readers, ${writing}: ${JSON.stringify({ own, etcd })}`);
      }
    }
    yield figure(
      `${readers} watchers: our p99 at ${rate}/s`,
      median(ours.map(({ p99 }) => p99)),
      "ms",
      null,
    );
    for (const [writing, compared] of theirs)
      yield* compare(readers, rate, writing, ours, compared);
  }
}

/** A round of etcd, and one of ours at the rate that it held. */
interface Compared {
  readonly etcd: EtcdRound;
  readonly ours: Round;
}

function* compare(
  readers: number,
  rate: number,
  writing: Writing,
  atFullRate: readonly Round[],
  rounds: readonly Compared[],
): Generator<Figure> {
  const name = `etcd, ${readers} watchers, ${writing} writes`;
  const etcdP99 = median(rounds.map(({ etcd }) => etcd.p99));
  const p99 = median(rounds.map(({ ours }) => ours.p99));
  const perCpu = median(atFullRate.map(({ perCpuSecond }) => perCpuSecond));
  const etcdPerCpu = median(rounds.map(({ etcd }) => etcd.perCpuSecond));
  const lowest = Math.min(...rounds.map(({ etcd }) => etcd.rate));
  yield figure(`${name}: delivers, of ${rate} changes/s that we do`, lowest, "changes/s", null);
  yield figure(`${name}: its p99 at that rate`, etcdP99, "ms", null);
  yield figure(`${name}: our p99 at that rate against its own`, p99 / etcdP99, "x", 1);
  yield figure(
    `${name}: our deliveries per processor second against its own`,
    perCpu / etcdPerCpu,
    "x",
    1,
    false,
  );
}

/** Halves the rate until etcd delivers it. */
async function highestHeld(watchers: number, from: number, writing: Writing): Promise<EtcdRound> {
  for (let rate = from; ; rate = Math.floor(rate / 2)) {
    const round = await runEtcd(watchers, rate, writing);
    if (round.held || rate < 50) return round;
    progress(
      `etcd does not deliver ${rate} changes/s to ${watchers} watchers (${(100 * round.share).toFixed(0)} %)`,
    );
  }
}

async function runEtcd(
  watchers: number,
  rate: number,
  writing: Writing,
): Promise<EtcdRound & { readonly held: boolean; readonly share: number }> {
  const dir = mkdtempSync(join(tmpdir(), "catwalk-etcd-"));
  const server = spawn(PEER, ["serve", join(dir, "data")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const { endpoint } = JSON.parse(await firstLine(server)) as { endpoint: string };
    const values = join(dir, "values");
    writeFileSync(values, Buffer.concat(Array.from({ length: PODS }, (_, n) => valueOf(n)).flat()));
    const before = cpuSeconds(server.pid as number);
    const args = [
      "load",
      endpoint,
      values,
      String(watchers),
      String(rate),
      String(SECONDS),
      writing,
    ];
    const { stdout } = await promisify(execFile)(PEER, args);
    const cpu = cpuSeconds(server.pid as number) - before;
    const seen = JSON.parse(stdout) as Record<
      "p50" | "p99" | "delivered" | "warming" | "offered" | "seconds",
      number
    >;
    // What was offered late was not offered at the rate.
    const share = seen.delivered / (watchers * rate * Math.max(SECONDS, seen.seconds));
    return {
      rate,
      p50: seen.p50,
      p99: seen.p99,
      // The processor's time is that of all it did.
      perCpuSecond: (seen.delivered + seen.warming) / cpu,
      held: share >= HELD,
      share,
    };
  } finally {
    const exited = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGKILL");
    await exited;
    rmSync(dir, { recursive: true, force: true });
  }
}

function valueOf(n: number): Buffer[] {
  const { bytes } = put({ ...pod(`p${n}`, address(n)), labels: { t: "0".repeat(16) } });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, Buffer.from(bytes)];
}

export async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("BUG: no pipe");
  const lines = createInterface(child.stdout);
  return new Promise((resolve, reject) => {
    lines.once("line", resolve);
    child.once("exit", (code) => reject(new Error(`etcd ended with ${code}`)));
  });
}

/**
 * Builds unless the binary is newer than its sources. Go 1.24 or newer fetches the toolchain that
 * the module names.
 */
export function buildPeer(): void {
  const newest = Math.max(
    ...readdirSync(SOURCES).map((file) => statSync(join(SOURCES, file)).mtimeMs),
  );
  if (existsSync(PEER) && statSync(PEER).mtimeMs > newest) return;
  mkdirSync(join(PEER, ".."), { recursive: true });
  progress("building etcd (about a minute the first time)");
  const { status, error } = spawnSync(
    "go",
    ["build", "-trimpath", "-ldflags", "-s -w", "-o", PEER, "."],
    {
      cwd: SOURCES,
      env: { ...process.env, CGO_ENABLED: "0" },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (status !== 0)
    throw new Error(
      `go build of test/bench/etcd failed${error === undefined ? " (above)" : `: ${error.message}`}`,
    );
}
