/** Waits in the lab: for conditions, with an end for those that never come. */
import type { Pong } from "./pod-process.ts";

interface Pods {
  pod(node: string): { ping(to: string): Promise<Pong> };
}

const PATIENCE_MS = 120_000;
const LOOK_MS = 50;

export async function until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  while (!(await check())) {
    if (late.aborted) throw new Error(`waited ${PATIENCE_MS / 1_000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A packet from the pod on one node to an address comes back. */
export async function untilReached(lab: Pods, from: string, to: string): Promise<Pong> {
  let last: Pong | null = null;
  await until(`the pod of ${from} reaches ${to}`, async () => {
    last = await lab.pod(from).ping(to);
    return last.seen !== null;
  });
  if (last === null) throw new Error("unreachable");
  return last;
}

export async function untilNotReached(lab: Pods, from: string, to: string): Promise<void> {
  await until(
    `the pod of ${from} does not reach ${to}`,
    async () => (await lab.pod(from).ping(to)).seen === null,
  );
}
