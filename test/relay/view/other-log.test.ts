import { expect, test } from "vitest";

import { MemoryView } from "../../../relay/view/memory-view.ts";
import { nextChain, NO_CHAIN } from "../../../shared/log/cursor.ts";
import { WHOLE } from "../../../shared/log/partition.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { WatchMessage } from "../../../shared/protocol/messages.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
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
