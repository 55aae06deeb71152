import { expect, test } from "vitest";

import type { LinkOptions } from "../../relay/hub/link.ts";
import type { RelayPorts } from "../../relay/hub/relay-ports.ts";
import { HubSession } from "../../relay/hub-session.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import type { HomeWelcome } from "../../shared/protocol/messages.ts";

const BY = "catwalk-relay/1 on node-2 publishes for this cluster since 2026-11-30T04:00:00Z";

function welcome(isStandby: true | null): HomeWelcome {
  return { type: "home-welcome", version: 3, term: 1, paceMs: 5, channels: [], isStandby };
}

test("[CRE25] the status of a relay that was displaced says by whom, while it stands by", async () => {
  const dialled: LinkOptions[] = [];
  const ports: RelayPorts = {
    dial: (options) => {
      dialled.push(options);
      const nothing = (): void => undefined;
      return { isOpen: true, start: nothing, stop: nothing, restart: nothing, send: nothing };
    },
    now: () => 0,
    random: () => 0.5,
    after: () => () => undefined,
  };
  const session = new HubSession({
    hub: "http://127.0.0.1:1",
    joinToken: undefined,
    credentials: {
      membership: null,
      headers: async () => ({}),
      join: () => Promise.reject(new Error("not asked")),
      correctClock: () => null,
    },
    local: new LocalState(),
    ports,
    log: newLogger("test", "silent"),
    accessVersion: () => 0,
    onAccess: () => undefined,
    review: () => new Set(),
    onHeads: () => undefined,
    onMember: () => undefined,
  });
  await session.start();
  const handlers = dialled[0]?.handlers;
  handlers?.onOpen();
  handlers?.onMessage(welcome(null), 1);
  handlers?.onDown("superseded", BY);
  expect(session.status().message).toBe(BY);
  handlers?.onOpen();
  handlers?.onMessage(welcome(true), 1);
  expect(session.status().message).toContain(`this one stands by: ${BY}`);
  handlers?.onMessage(welcome(null), 1);
  expect(session.status().message).toBe(null);
  // A loss that is none of this kind is forgotten when the hub is back.
  handlers?.onDown(null, "hub gone");
  handlers?.onMessage(welcome(true), 1);
  expect(session.status().message).not.toContain("node-2");
  session.stop();
});
