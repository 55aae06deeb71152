/**
 * Child process: one round of the hub with clients that do as little as those of etcd beside it:
 * values are made beforehand, everybody takes everything and keeps nothing, one looks at the time.
 * Argument: the setting as JSON; sends the round.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import { address, pod, pool, put } from "../support/records.ts";
import type { Round, Setting } from "./fan-out.ts";
import { quantile } from "./figure.ts";
import { LightReader } from "./light-reader.ts";
import { RawPublisher } from "./raw-publisher.ts";
import { BenchRig } from "./rig.ts";

const PODS = 20_000;
/**
 * What is not looked at yet: programs that are compiled while they run become as fast as they will.
 * etcd has the same.
 */
const WARM_MS = 2_000;
const ROUND_MS = 4_000;
const TICK_MS = 1;
const LONGEST_WAIT_MS = 4;
const SETTLE_MS = 500;
/** As in a relay: more than this are sent at once. */
const FRAME_CHANGES = 400;
/** Where a value has the time: behind this mark, ms in so many characters. */
const MARK = "@";
const DIGITS = 15;

type Put = ReturnType<typeof put>;

function templates(): Put[] {
  const labels = { t: MARK + "0".repeat(DIGITS) };
  return Array.from({ length: PODS }, (_, n) => put({ ...pod(`p${n}`, address(n)), labels }));
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/**
 * Sends as a relay does: one frame a pace, two under way; what is handed over meanwhile is in the
 * next.
 */
class PacedFrames {
  readonly #publisher: RawPublisher;
  #pending: Put[] = [];
  #dueMs = 0;

  constructor(publisher: RawPublisher) {
    this.#publisher = publisher;
  }

  /** Until the next one is due, or may be full. */
  get waitMs(): number {
    return Math.min(Math.max(this.#dueMs - performance.now(), TICK_MS), LONGEST_WAIT_MS);
  }

  add(change: Put): void {
    this.#pending.push(change);
  }

  flush(): void {
    while (this.#pending.length > 0 && this.#publisher.underWay < LIMITS.unacknowledgedFrames) {
      const now = performance.now();
      if (now < this.#dueMs && this.#pending.length < FRAME_CHANGES) return;
      // As in a relay: from when it was due where the timer is late, from now where it is full
      // before.
      const isLate = now >= this.#dueMs && now - this.#dueMs < 2 * TICK_MS;
      this.#dueMs = (isLate ? this.#dueMs : now) + this.#publisher.paceMs;
      void this.#publisher.send("identity", encodePayload(this.#pending.splice(0, FRAME_CHANGES)));
    }
  }

  async drain(): Promise<void> {
    for (; this.#pending.length > 0; await sleep(TICK_MS)) this.flush();
    await this.#publisher.drain();
  }
}

/** Offers changes at the rate for so long; answers how many. */
async function offer(
  frames: PacedFrames,
  values: readonly Put[],
  perSecond: number,
  ms: number,
): Promise<number> {
  const began = performance.now();
  let offered = 0;
  while (performance.now() - began < ms) {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
    for (; offered < due; offered++) {
      const change = values[offered % PODS] as Put;
      // It happens when it is due, whenever this process gets to it.
      writeTime(asBuffer(change.bytes), began + (offered / perSecond) * 1000);
      frames.add(change);
    }
    frames.flush();
    await sleep(frames.waitMs);
  }
  await frames.drain();
  return offered;
}

function writeTime(value: Buffer, ms: number): void {
  value.write(ms.toFixed(6).padStart(DIGITS, "0"), value.lastIndexOf(MARK) + 1, "latin1");
}

function readTime(value: Buffer): number {
  const at = value.lastIndexOf(MARK) + 1;
  return Number(value.toString("latin1", at, at + DIGITS));
}

async function runRound({ readers: count, changesPerSecond }: Setting): Promise<Round> {
  const values = templates();
  const rig = await BenchRig.start();
  const publisher = await RawPublisher.connect(rig.homeUrl, await rig.originHeaders());
  await publisher.send("pools", encodePayload([put(pool("10.0.0.0/8"))]));
  for (let n = 0; n < PODS; n += FRAME_CHANGES)
    await publisher.send("identity", encodePayload(values.slice(n, n + FRAME_CHANGES)));
  await publisher.drain();
  for (const channel of FELIX_CHANNELS) publisher.reconciled(channel);
  let latencies: number[] = [];
  const look = (changes: readonly LogChange[]): void => {
    const now = performance.now();
    for (const change of changes)
      if (change.op === "put") latencies.push(now - readTime(asBuffer(change.bytes)));
  };
  const readers: LightReader[] = [];
  for (let n = 0; n < count; n++) {
    const headers = await rig.readerHeaders();
    const reader = new LightReader(rig.watchUrl, headers, n === 0 ? look : undefined);
    readers.push(reader);
    await reader.ready;
  }
  const frames = new PacedFrames(publisher);
  await offer(frames, values, changesPerSecond, WARM_MS);
  await sleep(SETTLE_MS);
  latencies = [];
  globalThis.gc?.();
  const received = (): number => readers.reduce((sum, reader) => sum + reader.frames, 0);
  const [cpuBefore, framesBefore] = [rig.hubCpuSeconds(), received()];
  const offered = await offer(frames, values, changesPerSecond, ROUND_MS);
  await sleep(SETTLE_MS);
  const cpuSeconds = rig.hubCpuSeconds() - cpuBefore;
  const deliveries = (received() - framesBefore) / (ROUND_MS / 1000);
  for (const reader of readers) reader.close();
  publisher.close();
  await rig.stop();
  return {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    applied: (100 * latencies.length) / offered,
    deliveries,
    perCpuSecond: (latencies.length * count) / cpuSeconds,
  };
}

process.send?.(await runRound(JSON.parse(process.argv[2] ?? "") as Setting));
process.exit(0);
