import { expect, test } from "vitest";

import { NODE_PORTS } from "../../../relay/hub/relay-ports.ts";
import type { RelayPorts } from "../../../relay/hub/relay-ports.ts";
import { Watcher } from "../../../relay/view/watcher.ts";
import type { WatchedView } from "../../../relay/view/watcher.ts";
import type { Message } from "../../../shared/protocol/messages.ts";

const nothing = (): void => undefined;
const bytes = new Uint8Array(16);

/** A view that was equal to its log when its file was written, and the hub's messages to it. */
function fromDisk() {
  let hear: (message: Message) => void = nothing;
  const ports: RelayPorts = {
    ...NODE_PORTS,
    after: () => nothing,
    dial: ({ handlers }) => {
      hear = (message) => handlers.onMessage(message, 1);
      return { isOpen: true, start: nothing, stop: nothing, restart: nothing, send: nothing };
    },
  };
  const view = {
    channels: ["services"],
    isOverfull: false,
    cursors: () => [],
    acknowledged: () => ({ revision: 4, chain: bytes }),
    onConnect: nothing,
    onMessage: () => ({ changes: [], answer: null }),
    health: () => ({ isInSync: true }),
  } as unknown as WatchedView;
  const handlers = { onChanges: nothing, onState: nothing, onDown: nothing };
  const headers = (): Promise<never> => Promise.reject(new Error("not asked for"));
  const watcher = new Watcher(view, "ws://hub", headers, handlers, ports);
  return { hear: (message: Message) => hear(message), watcher };
}

/** Found by the simulation, seed 3500001461. */
test("[SVC24] a hub that resumes has not told what came since the file was written; its digest tells", () => {
  const { hear, watcher } = fromDisk();
  const of = { origin: 0, channel: "services" } as const;
  hear({ type: "resume", ...of, after: 4 });
  const frame = { previous: bytes, payload: bytes, settled: null } as const;
  hear({ type: "frame", ...of, revision: 5, ...frame });
  expect(watcher.wasTold("services")).toBe(false);
  const proof = { digest: bytes, populated: true, sweep: false };
  hear({ type: "checkpoint", ...of, epoch: "e", revision: 5, ...proof });
  expect(watcher.wasTold("services")).toBe(true);
});
