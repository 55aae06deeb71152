/**
 * A few thousand seeded changes in a real API server, with the source cut off and the history
 * thrown away in the middle, under a kubernetes source that runs all the time: at the end the
 * source's records equal the churn's own log. [SRC33]
 */
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { BACKOFF } from "../../relay/source/kubernetes/reflector.ts";
import { KubernetesSource } from "../../relay/source/kubernetes/kubernetes-source.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord, RecordChange } from "../../shared/record/record.ts";
import { Recorder } from "../relay/source/recorder.ts";
import { Churn } from "./churn.ts";
import { openProxy } from "./cuttable-proxy.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import { sourceDump } from "./source-golden.ts";
import type { Group } from "./source-golden.ts";
import { differencesOf, mustEqual } from "./suite.ts";
import type { Suite } from "./suite.ts";

/** Waits until the source has caught up, as told by the sink; the last difference is the error. */
async function caughtUp(
  recorder: Recorder,
  expected: ReadonlyMap<string, unknown>,
  seconds: number,
): Promise<void> {
  const deadline = AbortSignal.timeout(seconds * 1000);
  const late = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve()));
  const equal = recorder.until(
    () => deadline.aborted || differencesOf(recorder.dump(), expected).length === 0,
  );
  await Promise.race([equal, late]);
  mustEqual(recorder.dump(), expected);
}

/** Keys whose record was inferred to be gone, and then put again as it had been. */
function flapsOf(changes: readonly RecordChange[]): readonly string[] {
  const records = new Map<string, CalicoRecord>();
  const inferred = new Map<string, CalicoRecord>();
  const flaps: string[] = [];
  for (const change of changes) {
    const key = change.op === "put" ? keyOf(change.record) : change.key;
    if (change.op === "put") {
      if (isDeepStrictEqual(inferred.get(key), change.record)) flaps.push(key);
      inferred.delete(key);
      records.set(key, change.record);
      continue;
    }
    const before = records.get(key);
    if (change.cause === "inferred" && before !== undefined) inferred.set(key, before);
    records.delete(key);
  }
  return flaps;
}

export async function checkChurn(
  suite: Suite,
  kube: KubeServer,
  group: Group,
  { seed, operations }: { readonly seed: number; readonly operations: number },
): Promise<void> {
  const before = sourceDump(kube.kubeconfig);
  const client = new KubeClient(kube.kubeconfig);
  const recorder = new Recorder();
  const proxy = await openProxy(kube.kubeconfig);
  const source = new KubernetesSource({ kubeconfig: proxy.kubeconfig, env: {} });
  const churn = new Churn(client, group, seed);
  try {
    source.start(recorder);
    await recorder.until(() => recorder.listedCount === 1);
    await churn.setUp();
    await suite.check(`${operations / 2} changes (seed ${seed}) arrive by watch`, async () => {
      await churn.run(operations / 2);
      await caughtUp(recorder, churn.expected(before), 60);
    });
    await suite.check(
      "changes that nobody saw, their history compacted, and more changes",
      async () => {
        proxy.cut();
        await churn.run(operations / 4);
        await kube.control("compact");
        const seenBefore = recorder.changes.length;
        proxy.mend();
        await churn.run(operations / 4);
        await caughtUp(recorder, churn.expected(before), 90);
        const news = recorder.changes.slice(seenBefore);
        const inferred = news.filter(
          (change) => change.op === "delete" && change.cause === "inferred",
        );
        if (inferred.length === 0)
          throw new Error("no delete was inferred: nothing was listed again");
      },
    );
    await suite.check("within the longest pause every collection is followed again", async () => {
      const odd = (): readonly string[] =>
        source
          .health()
          .collections.filter(({ state }) => state !== "following" && state !== "absent")
          .map(({ name, state, reason }) => `${name} ${state} ${reason}`);
      // Quiet collections say nothing through the sink, so their health is polled.
      const deadline = performance.now() + BACKOFF.capMs + 5000;
      while (odd().length > 0 && performance.now() < deadline) await setTimeout(100);
      if (odd().length > 0) throw new Error(odd().join(", "));
    });
    await suite.check("no record was taken away and brought back by a new list", () => {
      const flaps = flapsOf(recorder.changes).filter((key) => !churn.isRemade(key));
      if (flaps.length > 0) throw new Error(`${flaps.length} keys, first ${flaps[0] ?? ""}`);
    });
    await suite.check("a fresh source dump equals the churn's log too", () => {
      mustEqual(sourceDump(kube.kubeconfig), churn.expected(before));
    });
  } finally {
    await source.stop();
    client.close();
    proxy.close();
  }
}
