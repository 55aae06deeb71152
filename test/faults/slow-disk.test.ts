/**
 * A hub on a disk whose fsync takes 5 ms. The delay is put into the system calls themselves, of the
 * hub's program and of workerd (strace's fault injection), so the hub measures, commits and waits
 * as it would on such a disk. strace is not on every machine: it is got, and used, by the suite of
 * its own.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { addCluster } from "../../shared/api/clusters.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { adminOf } from "../support/hub-api.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { HubLink } from "../../relay/hub/link.ts";
import { NODE_PORTS } from "../../relay/hub/relay-ports.ts";
import type { RelayPorts } from "../../relay/hub/relay-ports.ts";
import { Home } from "../../relay/publish/home.ts";
import { speedOf } from "../../cli/launch/disk-speed.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import { DiskBudget } from "../../worker/origin/budgets/disk-budget.ts";
import { eventually } from "../support/mesh-rig.ts";
import { pod, putOf } from "../support/records.ts";
import { startHubProcess } from "./catwalk-process.ts";
import { rounds } from "../support/rounds.ts";

const PUBLISHERS = 10;
const MEASURED_MS = 4_000;

test("[CLI23] the speed of a disk is the median of its fsyncs, and a budget of commits", () => {
  expect(speedOf([0.4, 0.5, 9, 0.4, 0.3])).toEqual({ fsyncMs: 0.4, commitsPerSecond: 2_500 });
  expect(speedOf([5.04, 5.11, 4.9])).toEqual({ fsyncMs: 5, commitsPerSecond: 200 });
  expect(speedOf([0, 0, 0]).commitsPerSecond).toBe(1_000_000);
});

test("[LOG21] publishers at work share half of the disk; those that were silent for a second have no share", () => {
  const budget = new DiskBudget();
  expect(budget.paceMs(0, 0)).toBe(0);
  expect(budget.paceMs(5, 0)).toBe(10);
  for (let n = 0; n < 100; n++) budget.note(`origin-${n}`, 1_000);
  // 100 publishers with a frame a second each: 100 commits of 5 ms, half of the time.
  expect(budget.paceMs(5, 1_200)).toBe(1_000);
  expect(budget.paceMs(0.1, 1_200)).toBe(20);
  budget.note("origin-7", 2_000);
  expect(budget.paceMs(5, 2_500)).toBe(10);
  for (let n = 0; n < 5_000; n++) budget.note(`origin-${n}`, 3_000);
  expect(budget.paceMs(5, 3_200)).toBe(5_000);
  // A clock that goes back gives an old count no more than its time.
  expect(budget.paceMs(5, 0)).toBe(10);
});

function ensureStrace(): void {
  if (spawnSync("strace", ["-V"]).error === undefined) return;
  spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" });
  const args = ["install", "-y", "--no-install-recommends", "strace"];
  if (spawnSync("apt-get", args, { stdio: ["ignore", "ignore", "inherit"] }).status !== 0)
    throw new Error("strace is needed (Debian: apt-get install strace)");
}

/** How long the hub takes to answer, in ms, asked every 20 ms for so long. */
async function answerTimes(url: string, forMs: number): Promise<number[]> {
  const [beganMs, times] = [performance.now(), [] as number[]];
  while (performance.now() - beganMs < forMs) {
    const askedMs = performance.now();
    await (await fetch(new URL("/healthz", url))).arrayBuffer();
    times.push(performance.now() - askedMs);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return times;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const DELAY =
  "strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:delay_enter=5000".split(
    " ",
  );

if (rounds(0, 1) === 1)
  test(`[LOG21] on a disk with an fsync of 5 ms ${PUBLISHERS} busy publishers take half of it, and the hub answers at once`, async ({
    onTestFinished,
  }) => {
    ensureStrace();
    const root = mkdtempSync(join(tmpdir(), "catwalk-slow-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const data = join(root, "hub");
    const listen = ["--listen", "127.0.0.1:0", "--data", data];
    const hub = await startHubProcess((...command) => [...DELAY, ...command], ...listen);
    onTestFinished(() => hub.stop());
    const fsyncMs = Number(hub.ready["fsyncMs"]);
    expect(fsyncMs).toBeGreaterThan(5);
    expect(hub.log()).toContain(`fsync ${fsyncMs} ms: up to `);

    const adminToken = readFileSync(join(data, "admin-token"), "utf8").trim();
    const admin = adminOf({ url: hub.url, adminToken }, "m");
    await admin.call(createMesh, { body: { name: "m" } });
    const homes: Home[] = [];
    /** What acknowledgements named last, in ms. */
    let paceMs = 0;
    const ports: RelayPorts = {
      ...NODE_PORTS,
      dial: ({ handlers, ...options }) =>
        new HubLink({
          ...options,
          handlers: {
            ...handlers,
            onMessage: (message, bytes) => {
              if (message.type === "accepted") paceMs = message.paceMs;
              handlers.onMessage(message, bytes);
            },
          },
        }),
    };
    onTestFinished(() => homes.forEach((home) => home.stop()));
    for (let n = 0; n < PUBLISHERS; n++) {
      const added = await admin.call(addCluster, {
        params: { mesh: "m" },
        body: { name: `c${n}`, cidrs: [`10.${n}.0.0/16`] },
      });
      const credentials = await Credentials.open(join(root, `c${n}`));
      await credentials.join(hub.url, added.joinToken);
      const home = new Home({
        url: `${hub.url.replace("http", "ws")}/v1/connect/home`,
        local: new LocalState(),
        headers: () => credentials.headers(),
        onRefused: () => undefined,
        accessVersion: () => 0,
        onAccess: () => undefined,
        onDown: () => undefined,
        onUp: () => undefined,
        ports,
      });
      homes.push(home);
      home.publisher.onListed();
      home.start();
    }
    await eventually(
      () => Promise.resolve(homes.map((home) => home.publisher.status().phase)),
      (phases) => phases.every((phase) => phase === "reconciled"),
    );
    const quietMs = median(await answerTimes(hub.url, 1_000));
    let changes = 0;
    const churn = setInterval(() => {
      changes++;
      for (const [n, home] of homes.entries())
        home.publisher.onSource([putOf(pod("a", `10.${n}.0.1`, { n: String(changes) }))]);
    }, 4);
    onTestFinished(() => clearInterval(churn));

    const frames = (): number =>
      homes.reduce((sum, home) => sum + home.publisher.status().acceptedFrames, 0);
    const settledMs = performance.now() + 2_000;
    await eventually(
      () => Promise.resolve(performance.now()),
      (now) => now > settledMs,
    );
    const [beganMs, began] = [performance.now(), frames()];
    const busyMs = median(await answerTimes(hub.url, MEASURED_MS));
    const commitsPerSecond = ((frames() - began) * 1_000) / (performance.now() - beganMs);
    const budget = 1_000 / fsyncMs;
    // Half, and what the first change after a pause takes beyond its pace.
    expect(commitsPerSecond).toBeLessThan(0.65 * budget);
    // No slower than that either, on a machine that has the time for it.
    const fairMs = 2 * PUBLISHERS * fsyncMs;
    expect(paceMs).toBeGreaterThan(0.7 * fairMs);
    expect(paceMs).toBeLessThan(1.3 * fairMs);
    // A disk that is full of commits keeps everybody waiting; a busy machine does so too.
    expect(busyMs).toBeLessThan(20 * fsyncMs + 10 * quietMs);
    expect(homes.every((home) => home.isOpen)).toBe(true);
  });
