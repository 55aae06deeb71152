/**
 * Lists of the admin API in parts of 100, of a mesh of 512 clusters with 20 RCCs each: alone, and
 * while 5,000 changes a second flow to 10 readers of the same hub, in turns. As curl sees it.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { HubAwayError } from "../../cli/admin/client.ts";
import { addCluster } from "../../shared/api/clusters.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const [CLUSTERS, RCCS, AT_ONCE] = [512, 20, 8];
const [READERS, CHANGES_PER_SECOND] = [10, 5_000];
const [ROUNDS, REQUESTS, LIMIT] = [5, 200, 100];
/** Of lists: what each client asks for. */
const LISTS = ["clusters", "rccs"] as const;

export interface Load {
  readonly homeUrl: string;
  readonly watchUrl: string;
  readonly homeHeaders: Readonly<Record<string, string>>;
  readonly readerHeaders: readonly Readonly<Record<string, string>>[];
  readonly changesPerSecond: number;
}

export async function* benchApiList(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  try {
    await fill(rig);
    for (const list of LISTS) await measure(rig, list);
    const [alone, beside] = [new Map<string, number[]>(), new Map<string, number[]>()];
    for (let round = 0; round < ROUNDS; round++) {
      for (const list of LISTS) note(alone, list, await measure(rig, list));
      const stop = await startLoad(rig);
      for (const list of LISTS) note(beside, list, await measure(rig, list));
      await stop();
      progress(`round ${round}: ${JSON.stringify([[...alone], [...beside]])}`);
    }
    for (const list of LISTS) {
      const [own, others] = [median(alone.get(list) ?? []), median(beside.get(list) ?? [])];
      const what = `list of ${LIMIT} ${list} of ${CLUSTERS} × ${RCCS}`;
      const load = `beside ${CHANGES_PER_SECOND} changes/s to ${READERS} readers`;
      yield figure(`${what}: p99 alone`, own, "ms", null);
      yield figure(`${what}: p99 ${load}`, others, "ms", 50);
      yield figure(`${what}: p99 ${load} against alone`, others / own, "x", 5);
    }
  } finally {
    await rig.stop();
  }
}

function note(into: Map<string, number[]>, list: string, ms: number): void {
  into.set(list, [...(into.get(list) ?? []), ms]);
}

async function fill(rig: BenchRig): Promise<void> {
  const admin = rig.admin("bench");
  const params = { mesh: "bench" };
  const names = Array.from({ length: CLUSTERS - 2 }, (_, n) => `c${n}`);
  await inParallel(names, (name) =>
    again(() => admin.call(addCluster, { params, body: { name } })),
  );
  progress(`${CLUSTERS} clusters`);
  await inParallel(names, async (name, n) => {
    for (let step = 1; step <= RCCS; step++) {
      const remote = names[(n + step) % names.length] ?? "";
      const rcc = { ...params, cluster: name, rcc: remote };
      await again(() => admin.call(applyRcc, { params: rcc, body: memberRcc(remote) }));
    }
    if (n % 64 === 0) progress(`RCCs of ${n} clusters`);
  });
}

/** A connection that the hub closes as it is used again: what was asked may have been done. */
async function again(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      await work();
      return;
    } catch (error) {
      if (tries > 0 && String(error).includes("already")) return;
      if (!(error instanceof HubAwayError) || tries === 5) throw error;
    }
}

async function inParallel(
  names: readonly string[],
  work: (name: string, n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    for (let n = next++; n < names.length; n = next++) await work(names[n] ?? "", n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

/** The p99 of one request after the other, each for the part after the one before. */
async function measure(rig: BenchRig, list: (typeof LISTS)[number]): Promise<number> {
  const { url, adminToken } = rig.hub;
  const headers = { authorization: `Bearer ${adminToken}` };
  const took: number[] = [];
  let cursor = "";
  for (let n = 0; n < REQUESTS; n++) {
    const after = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `${url}/v1/meshes/bench/${list}?limit=${LIMIT}${after}`;
    const began = performance.now();
    const response = await fetch(path, { headers });
    const text = await response.text();
    took.push(performance.now() - began);
    if (!response.ok) throw new Error(`${list}: ${response.status} ${text}`);
    cursor = /"next":"([^"]*)"/.exec(text)?.[1] ?? "";
  }
  return quantile(took, 0.99);
}

/** The readers of the load have got frames. */
const HAS_GOT = /"got":\[[1-9]/;

/** @returns Ends it. */
async function startLoad(rig: BenchRig): Promise<() => Promise<void>> {
  const load: Load = {
    homeUrl: rig.homeUrl,
    watchUrl: rig.watchUrl,
    homeHeaders: await rig.originHeaders(),
    readerHeaders: await Promise.all(Array.from({ length: READERS }, () => rig.readerHeaders())),
    changesPerSecond: CHANGES_PER_SECOND,
  };
  const child = fork(join(import.meta.dirname, "api-list-load.ts"), [JSON.stringify(load)]);
  let last = "";
  child.on("message", (message) => (last = JSON.stringify(message)));
  const ended = once(child, "exit");
  while (!HAS_GOT.test(last)) {
    await Promise.race([once(child, "message"), ended]);
    if (child.exitCode !== null) throw new Error("the load has ended before it began");
  }
  return async () => {
    if (child.exitCode !== null) throw new Error("the load has ended: silence was measured");
    progress(`load: ${last}`);
    child.kill("SIGKILL");
    await ended;
    // What the hub does about connections that have ended comes before its next answer.
    await (await fetch(new URL("/healthz", rig.hub.url))).arrayBuffer();
  };
}
