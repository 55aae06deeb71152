import { expect, test } from "vitest";

import { MemoryView } from "../../../relay/view/memory-view.ts";
import { nextChain, NO_CHAIN } from "../../../shared/log/cursor.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { WHOLE } from "../../../shared/log/partition.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { WatchMessage } from "../../../shared/protocol/messages.ts";
import { encodeRecord, hashKey, hashRecord } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { pod, put } from "../../support/records.ts";

const at = { origin: 0, channel: "identity" } as const;
const held = pod("held", "10.20.0.1");

/** A repair from a log that was never folded: an empty blob, then all frames. */
function wholeLog(epoch: string, frames: readonly (readonly LogChange[])[]): WatchMessage[] {
  let chain: Uint8Array = NO_CHAIN;
  const tail = frames.map((changes, n): WatchMessage => {
    const payload = encodePayload(changes);
    const frame = { type: "frame", ...at, revision: n + 1, previous: chain, payload } as const;
    chain = nextChain(chain, n + 1, payload);
    return { ...frame, settled: null };
  });
  const head = frames.length;
  const plan = { type: "repair-plan", ...at, epoch, head, blobs: 1, after: 0 } as const;
  const empty = encodePayload([]);
  return [
    { type: "repair-needed", ...at, epoch, reason: "epoch-changed" },
    { ...plan, chain: NO_CHAIN },
    { type: "blob", ...at, ...WHOLE, revision: 0, payload: empty },
    ...tail,
  ];
}

/** What the view tells of each message. */
function told(view: MemoryView, messages: readonly WatchMessage[]): string[] {
  return messages.flatMap((message) =>
    view.onMessage(message).changes.map((change) => {
      const { record } = change.held;
      return `${change.op} ${"ips" in record ? record.ips.join() : ""}`;
    }),
  );
}

const gone: LogChange = { op: "delete", keyHash: hashKey(keyOf(held)), cause: "observed" };

/** Found by the simulation, seed 1940. */
test("[VIE8] another log that says of what is held that it went takes nothing: it may have been put back to a time before", () => {
  const view = new MemoryView("identity");
  told(view, wholeLog("projection", [[put(held)]]));
  const frames = [[put(held)], [put(pod("other", "10.20.0.2"))], [gone]];
  expect(told(view, wholeLog("own", frames))).toEqual(["put 10.20.0.2"]);
  expect(view.health().stale).toBe(1);
});

test("[VIE17] another log tells of what is held only its newest state", () => {
  const view = new MemoryView("identity");
  told(view, wholeLog("projection", [[put({ ...held, ips: ["10.20.0.9"] })]]));
  const states = ["10.20.0.1", "10.20.0.2", "10.20.0.9"].map((ip) => [put({ ...held, ips: [ip] })]);
  expect(told(view, wholeLog("own", states))).toEqual([]);
  const newer = [...states, [put({ ...held, ips: ["10.20.0.10"] })]];
  expect(told(view, wholeLog("projection anew", newer))).toEqual(["put 10.20.0.10"]);
});

/** Found by the simulation, seed 44. */
test("[VIE17] [VIE20] what another log said before is not taken for its newest state while a key has changed behind the end of a tail", () => {
  const view = new MemoryView("identity");
  const own = { ...held, ips: ["10.20.0.3"] };
  told(view, wholeLog("projection", [[put(own)]]));
  const [needed, plan] = wholeLog("own", [[], []]) as [WatchMessage, WatchMessage];
  const blob = {
    type: "blob",
    ...at,
    ...WHOLE,
    revision: 0,
    payload: encodePayload([put({ ...held, ips: ["10.20.0.1"] })]),
  } as const;
  // The key has changed at 1, to what the view has, and again at 4, which the hub knew when it sent
  // this: it is left out.
  const payload = encodePayload([put(pod("other", "10.20.0.2"))]);
  const chain = nextChain(NO_CHAIN, 3, payload);
  const tail = {
    type: "catch-up",
    ...at,
    after: 0,
    previous: NO_CHAIN,
    revision: 3,
    chain,
    payload,
  } as const;
  expect(told(view, [needed, plan, blob, tail])).toEqual(["put 10.20.0.2"]);
  const next = encodePayload([put({ ...held, ips: ["10.20.0.4"] })]);
  const frame = {
    type: "frame",
    ...at,
    revision: 4,
    previous: chain,
    payload: next,
    settled: null,
  } as const;
  expect(told(view, [frame])).toEqual(["put 10.20.0.4"]);
});

test("[VIE17] what another log says differently of a key is told once its digest says that this is all", () => {
  const view = new MemoryView("identity");
  told(view, wholeLog("projection", [[put({ ...held, ips: ["10.20.0.9"] })]]));
  const [needed, plan] = wholeLog("own", [[]]) as [WatchMessage, WatchMessage];
  const record = { ...held, ips: ["10.20.0.1"] };
  const blob = {
    type: "blob",
    ...at,
    ...WHOLE,
    revision: 0,
    payload: encodePayload([put(record)]),
  } as const;
  const payload = encodePayload([]);
  const frame = {
    type: "frame",
    ...at,
    revision: 1,
    previous: NO_CHAIN,
    payload,
    settled: null,
  } as const;
  expect(told(view, [needed, plan, blob, frame])).toEqual([]);
  const trie = new HashTrie();
  trie.set(hashKey(keyOf(record)), hashRecord(encodeRecord(record)), 0);
  const checkpoint = {
    type: "checkpoint",
    ...at,
    epoch: "own",
    revision: 1,
    digest: trie.digest(),
    populated: true,
    sweep: true,
  } as const;
  expect(told(view, [checkpoint])).toEqual(["put 10.20.0.1"]);
  expect(view.health().isInSync).toBe(true);
});
