/** [LOG11] on a real process: what workerd has acknowledged is on disk, whenever it is killed. */
import { execFileSync, spawn } from "node:child_process";

import { afterAll, beforeAll, expect, test } from "vitest";

import { BenchRig } from "../bench/rig.ts";
import { AckDriver } from "./ack-driver.ts";
import { LogReader, readAll } from "./log-reader.ts";
import { rounds } from "../support/rounds.ts";

const KILLS = rounds(5, 60);
/** One of them falls between a commit and its acknowledgement: about every third does. */
const MOST_KILLS = KILLS + 20;
/** Longest life: at most so many frames that the ring keeps them all. */
const LIFE_MS = 250;
let rig: BenchRig;

beforeAll(async () => {
  rig = await BenchRig.start();
});

afterAll(() => rig.stop());

/** The child of the shell that guards it, by process id. */
function workerdPid(): number {
  const shell = String(rig.hub.pid());
  return Number(execFileSync("pgrep", ["-P", shell, "-x", "workerd"], { encoding: "utf8" }));
}

/** By a process of its own, so that the moment has nothing to do with what the driver is doing. */
function killLater(pid: number): void {
  const seconds = ((Math.random() * LIFE_MS) / 1000).toFixed(4);
  spawn("/bin/sh", ["-c", `sleep ${seconds}; kill -9 ${pid}`], { stdio: "ignore" });
}

test(`[LOG11] workerd is killed ${KILLS} times while it commits: no frame that it acknowledged is missing, or another`, async () => {
  const driver = new AckDriver();
  const reader = new LogReader();
  let [epoch, lastHead, underWay, committedUnheard, kills] = ["", 0, 0, 0, 0];
  const check = async (life: { readonly epoch: string; readonly head: number }): Promise<void> => {
    epoch ||= life.epoch;
    expect(life.epoch).toBe(epoch);
    const heard = driver.acknowledged.reduce((most, { revision }) => Math.max(most, revision), 0);
    expect(life.head).toBeGreaterThanOrEqual(heard);
    committedUnheard += life.head - heard;
    lastHead = life.head;
    await reader.readTo(rig.watchUrl, await rig.readerHeaders(), epoch, life.head);
  };
  while (kills < KILLS || (committedUnheard === 0 && kills < MOST_KILLS)) {
    const pid = workerdPid();
    const life = await driver.publish(rig.homeUrl, await rig.originHeaders(), {
      depth: 1 + (kills % 8),
      onWelcome: () => killLater(pid),
    });
    kills++;
    underWay += life.underWay;
    await rig.restartHub();
    await check(await driver.head(rig.homeUrl, await rig.originHeaders()));
  }
  // Otherwise the kills hit an idle process, and show nothing.
  expect(underWay).toBeGreaterThan(0);
  expect(committedUnheard).toBeGreaterThan(0);
  expect(driver.acknowledged.length).toBeGreaterThan(KILLS);

  for (const { revision, entries, ...of } of driver.acknowledged) {
    const frame = reader.frames.get(revision) ?? new Set<string>();
    const missing = entries.filter((entry) => !frame.has(entry));
    expect({ ...of, revision, missing }).toEqual({ epoch, revision, missing: [] });
  }
  for (const [revision, frame] of reader.frames)
    for (const entry of frame)
      if (!driver.sent.has(entry)) throw new Error(`revision ${revision} has what was never sent`);
  const held = await readAll(rig.watchUrl, await rig.readerHeaders(), lastHead);
  expect(driver.acknowledged.flatMap((a) => a.entries.filter((e) => !held.has(e)))).toEqual([]);
});
