/**
 * Many made-up clusters in a mesh of a running hub: real members with real publishers, to see what
 * a hub and its machine hold before the real clusters come. What it adds to the mesh it removes
 * again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { addCluster, removeCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import type { Client } from "../admin/client.ts";
import { ChangeCounts } from "./change-counts.ts";
import { podRange } from "./made-up.ts";
import { MockCluster } from "./mock-cluster.ts";
import { MockReader } from "./mock-reader.ts";

export interface MockOptions {
  readonly clusters: number;
  /** Of each cluster. */
  readonly endpoints: number;
  /** Changes a second, of all clusters together. */
  readonly rate: number;
  /** Clusters that each of them sees: its next neighbours. */
  readonly sees: number;
  /** Names are `<prefix>-<number>`. */
  readonly prefix: string;
  /** One frame in so many is looked into for the time that it took; absent: 5. */
  readonly sample?: number;
}

export interface MockStats {
  readonly connected: number;
  readonly published: number;
  /** Made so far. */
  readonly changes: number;
  /** Made, and not yet with the hub. */
  readonly pending: number;
  readonly refused: number;
  readonly readers: number;
  readonly caughtUp: number;
  /** Changes delivered so far, over all readers, and in how many frames. */
  readonly delivered: number;
  readonly frames: number;
  readonly bytes: number;
}

/** Admin requests under way: the hub answers them one after another anyway. */
const REQUESTS = 8;
/** Readers that begin together: real ones come with jitter. */
const READERS_AT_ONCE = 100;
const TICK_MS = 10;
/** Frames that one reader looks into, so that measuring does not become the load. */
const SAMPLE = 5;

export class MockMesh {
  readonly #client: Client;
  readonly #options: MockOptions;
  readonly #stateDir = mkdtempSync(join(tmpdir(), "catwalk-mock-"));
  readonly clusters: MockCluster[] = [];
  readonly #readers: MockReader[] = [];
  /** By origin. */
  readonly #counts = new Map<MockCluster, ChangeCounts>();
  #latencies: number[] = [];
  #changes = 0;
  #rate: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(client: Client, options: MockOptions) {
    this.#client = client;
    this.#options = options;
    this.#rate = options.rate;
  }

  /** Changes a second from the next `startChanges` on. */
  setRate(rate: number): void {
    this.#rate = rate;
  }

  /**
   * Adds the clusters, connects their publishers, and resolves when the hub has all they have.
   * @param onProgress Told now and then.
   */
  async start(onProgress: (text: string) => void = () => undefined): Promise<void> {
    const { clusters, endpoints, sees, prefix } = this.#options;
    await inParallel(clusters, async (number) => {
      const name = `${prefix}-${number}`;
      const body = { name, cidrs: [podRange(number)] };
      const params = { mesh: this.#client.mesh };
      const { joinToken } = await this.#client.call(addCluster, { params, body });
      this.clusters[number] = await MockCluster.join(this.#client.server, this.#stateDir, {
        name,
        number,
        endpoints,
        joinToken,
      });
    });
    onProgress(`${clusters} clusters have joined`);
    if (sees > 0) {
      await inParallel(clusters, (reader) => this.#connectEdges(reader));
      onProgress(`${clusters * sees} edges`);
    }
    for (const cluster of this.clusters) {
      cluster.start();
      await new Promise((resolve) => setImmediate(resolve));
    }
    while (!this.clusters.every((cluster) => cluster.isPublished)) await sleep(50);
    onProgress(`${clusters * endpoints} endpoints are published`);
  }

  /** Every cluster begins to read what it sees. Resolves when all have caught up. */
  async startReaders(): Promise<void> {
    const { sees, clusters } = this.#options;
    for (const [number, reader] of this.clusters.entries())
      for (let step = 1; step <= sees; step++) {
        const origin = this.clusters[(number + step) % clusters];
        if (origin !== undefined) this.read(origin, () => reader.headers());
        if (this.#readers.length % READERS_AT_ONCE === 0) await this.#caughtUp();
      }
    await this.#caughtUp();
  }

  async #caughtUp(): Promise<void> {
    while (!this.#readers.every((each) => each.isCaughtUp)) await sleep(10);
  }

  /** A reader of one cluster. */
  read(origin: MockCluster, headers: () => Promise<Readonly<Record<string, string>>>): MockReader {
    const url = `${this.#client.server.replace(/^http/, "ws").replace(/\/$/, "")}/v1/connect/watch/${origin.uid}`;
    const counts = this.#counts.get(origin) ?? new ChangeCounts();
    this.#counts.set(origin, counts);
    const reader = new MockReader({
      url,
      headers,
      counts,
      sample: this.#options.sample ?? SAMPLE,
      onLatency: (ms) => this.#latencies.push(ms),
    });
    this.#readers.push(reader);
    reader.start();
    return reader;
  }

  /** Begins to change endpoints, cluster after cluster, at the rate. */
  startChanges(): void {
    const began = performance.now();
    const before = this.#changes;
    let next = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - began) / 1000) * this.#rate;
      for (; this.#changes - before < due; this.#changes++)
        this.clusters[next++ % this.clusters.length]?.change();
    }, TICK_MS);
  }

  stopChanges(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  stats(): MockStats {
    const sum = <T>(of: readonly T[], pick: (each: T) => number): number =>
      of.reduce((total, each) => total + pick(each), 0);
    return {
      connected: sum(this.clusters, (each) => Number(each.isConnected)),
      published: sum(this.clusters, (each) => Number(each.isPublished)),
      changes: this.#changes,
      pending: sum(this.clusters, (each) => each.pending),
      refused: sum(this.clusters, (each) => each.refused),
      readers: this.#readers.length,
      caughtUp: sum(this.#readers, (each) => Number(each.isCaughtUp)),
      delivered: sum(this.#readers, (each) => each.changes),
      frames: sum(this.#readers, (each) => each.frames),
      bytes: sum(this.#readers, (each) => each.bytes),
    };
  }

  /** Milliseconds from change to reader, of the sampled ones since it was last asked. */
  takeLatencies(): readonly number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }

  /** Disconnects everything. @param remove Whether the clusters leave the mesh too. */
  async stop(remove: boolean): Promise<void> {
    this.stopChanges();
    for (const reader of this.#readers) reader.stop();
    for (const cluster of this.clusters) cluster.stop();
    if (remove)
      await inParallel(this.clusters.length, async (number) => {
        const name = this.clusters[number]?.name ?? "";
        await this.#client.call(removeCluster, {
          params: { mesh: this.#client.mesh, cluster: name },
        });
      });
    rmSync(this.#stateDir, { recursive: true, force: true });
  }

  async #connectEdges(reader: number): Promise<void> {
    const { clusters, sees, prefix } = this.#options;
    for (let step = 1; step <= sees; step++) {
      const origin = `${prefix}-${(reader + step) % clusters}`;
      await addEdge(this.#client, `${prefix}-${reader}`, origin);
    }
  }
}

/** An RCC in the reading cluster, and the grant that answers it. */
export async function addEdge(client: Client, reader: string, origin: string): Promise<void> {
  const { mesh } = client;
  await client.call(createGrant, { params: { mesh }, body: { origin, reader } });
  const params = { mesh, cluster: reader, rcc: origin };
  // Of an earlier run it is the same.
  await client.call(applyRcc, { params, body: memberRcc(origin) });
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: REQUESTS }, run));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
