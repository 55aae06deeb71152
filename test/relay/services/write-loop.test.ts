import { expect, test } from "vitest";

import { WriteLoop } from "../../../relay/services/write-loop.ts";
import type { DeskQueue, Sent } from "../../../relay/services/write-loop.ts";
import { eventually } from "../../support/mesh-rig.ts";

class Rig {
  nowMs = 0;
  isGivenBack = false;
  readonly lease = {
    isHeld: true,
    holder: "me",
    start: () => undefined,
    stop: () => {
      this.isGivenBack = true;
      return Promise.resolve();
    },
  };
  readonly loop = new WriteLoop({
    lease: this.lease,
    log: { warn: () => undefined },
    now: () => this.nowMs,
  });
  /** By time, the desks that wrote. */
  readonly sent = new Map<number, string[]>();

  /** A desk that always has more to write. */
  desk(name: string, send: () => Promise<Sent> = () => Promise.resolve({ kind: "known" })) {
    return this.loop.join({
      name,
      isReady: () => true,
      plan: () =>
        Promise.resolve({
          kind: "write",
          send: () => {
            const { nowMs } = this;
            this.sent.set(nowMs, [...(this.sent.get(nowMs) ?? []), name]);
            return send();
          },
        }),
    });
  }

  async until(found: () => boolean): Promise<void> {
    await eventually(
      () => Promise.resolve(found()),
      (is) => is,
    );
  }
}

const names = Array.from({ length: 100 }, (_, i) => `shop/db-${i}`);

function fill(...queues: readonly DeskQueue[]): void {
  for (const queue of queues) queue.add(names);
}

test("[SVC25] slices and imports together: 30 in a burst, then 20 a second, by turns", async () => {
  const rig = new Rig();
  fill(rig.desk("slices"), rig.desk("imports"));
  // Each time ends with the first write of the next.
  for (const nowMs of [1_000, 2_000, 3_000]) {
    const before = rig.nowMs;
    await rig.until(() => (rig.sent.get(before)?.length ?? 0) >= (before === 0 ? 30 : 20));
    rig.nowMs = nowMs;
    await rig.until(() => rig.sent.has(nowMs));
  }
  const counts = [0, 1_000, 2_000].map((at) => {
    const sent = rig.sent.get(at) ?? [];
    return [sent.length, sent.filter((name) => name === "imports").length];
  });
  expect(counts).toEqual([
    [30, 15],
    [20, 10],
    [20, 10],
  ]);
  await rig.loop.stop();
});

test("[SVC25] a desk whose request is not answered keeps the other waiting for nothing", async () => {
  const rig = new Rig();
  let answer: (sent: Sent) => void = () => undefined;
  const hanging = rig.desk("imports", () => new Promise<Sent>((resolve) => (answer = resolve)));
  hanging.add(["shop/db"]);
  await rig.until(() => rig.sent.has(0));
  rig.desk("slices").add(["shop/db"]);
  await rig.until(() => rig.sent.get(0)?.includes("slices") === true);
  const stopped = rig.loop.stop();
  // The write that is under way is waited for before another may write.
  expect(rig.isGivenBack).toBe(false);
  answer({ kind: "known" });
  await stopped;
  expect(rig.isGivenBack).toBe(true);
});

test("[SVC30] planned while the Lease was held, lost before the request: nothing is sent", async () => {
  const rig = new Rig();
  let planned = 0;
  const queue = rig.loop.join({
    name: "slices",
    isReady: () => true,
    plan: () => {
      planned++;
      if (planned === 1) rig.lease.isHeld = false;
      return Promise.resolve({
        kind: "write",
        send: () => {
          rig.sent.set(rig.nowMs, ["slices"]);
          return Promise.resolve({ kind: "known" });
        },
      });
    },
  });
  queue.add(["shop/db"]);
  await rig.until(() => planned === 1);
  expect(rig.sent.size).toBe(0);
  rig.lease.isHeld = true;
  // Whoever gets the Lease looks at everything.
  queue.add(["shop/db"]);
  await rig.until(() => rig.sent.size === 1);
  await rig.loop.stop();
});
