import { expect, test } from "vitest";

import type { GuardedChild } from "../../../cli/launch/guarded-child.ts";
import { Supervisor } from "../../../cli/launch/supervisor.ts";

/** A child that ends when it is told to. */
function childUntil(exited: Promise<number>): GuardedChild {
  const shell = { pid: 1, stdout: null, stderr: null } as GuardedChild["shell"];
  return { shell, exited, terminate: () => undefined, kill: () => undefined };
}

test("[FLT10] a workerd that ends is started again at once; one that ends again and again, later each time", async () => {
  const delays: number[] = [];
  let starts = 0;
  let last = (_code: number): void => undefined;
  const running = Promise.withResolvers<undefined>();
  const supervisor = new Supervisor(
    () => {
      if (++starts < 12) return childUntil(Promise.resolve(137));
      running.resolve(undefined);
      return childUntil(new Promise((resolve) => (last = resolve)));
    },
    (line) => delays.push(Number(/starting it again in (\d+) ms/.exec(line)?.[1])),
  );
  await running.promise;
  expect(delays).toHaveLength(11);
  expect(delays[0]).toBeLessThanOrEqual(20);
  // Half of the time since the first end, which is all waits until here: never a storm of its own.
  for (const delay of delays) {
    expect(delay).toBeGreaterThanOrEqual(1);
    expect(delay).toBeLessThanOrEqual(10_000);
  }
  const stopped = supervisor.stop();
  last(0);
  await stopped;
  expect(starts).toBe(12);
});
