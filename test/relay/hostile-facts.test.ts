/** What a hub that lies, or a program that is wrong, cannot have a relay take for access facts. */
import { expect, test } from "vitest";

import type { LinkOptions } from "../../relay/hub/link.ts";
import type { RelayPorts } from "../../relay/hub/relay-ports.ts";
import { HubSession } from "../../relay/hub-session.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import type { AccessFacts } from "../../shared/visibility/facts.ts";

const REMOTE = {
  rcc: "db",
  origin: { uid: "b".repeat(32), name: "db" },
  state: "granted",
  overlayRoutingMode: "Disabled",
} as const;
const FACTS: AccessFacts = {
  meshId: "mesh-1",
  meshName: "demo",
  accessVersion: 2,
  cluster: { uid: "a".repeat(32), name: "app" },
  keyGeneration: 1,
  removed: false,
  remotes: [REMOTE],
  ranges: { pods: [], nodes: [] },
  refusedClaims: [],
};

/** A relay that is told these texts as its facts. */
async function told(texts: readonly string[]) {
  const dialled: LinkOptions[] = [];
  const [restarts, taken]: [string[], AccessFacts[]] = [[], []];
  const nothing = (): void => undefined;
  const ports: RelayPorts = {
    dial: (options) => {
      dialled.push(options);
      const restart = (why: string): void => void restarts.push(why);
      return { isOpen: true, start: nothing, stop: nothing, restart, send: nothing };
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
    onAccess: (facts) => void taken.push(facts),
    review: () => new Set(),
    onHeads: nothing,
    onMember: nothing,
  });
  await session.start();
  const handlers = dialled[0]?.handlers;
  handlers?.onOpen();
  for (const facts of texts) handlers?.onMessage({ type: "access", facts }, 1);
  session.stop();
  return { restarts, taken };
}

test("[NAM1] a hub's facts that name an RCC as no file may be called, or that are none, are not taken: the relay connects anew", async () => {
  const names = [
    "../../etc/x",
    "..",
    "a/b",
    "",
    ".hidden",
    "A",
    "a\u{0}b",
    "\u{202e}b",
    "x".repeat(64),
  ];
  const bad = [
    ...names.map((rcc) => JSON.stringify({ ...FACTS, remotes: [{ ...REMOTE, rcc }] })),
    "null",
    "[]",
    "{}",
    "[[[[",
    "",
    "7",
    JSON.stringify({ ...FACTS, remotes: [null] }),
  ];
  for (const facts of bad) {
    const { restarts, taken } = await told([facts]);
    expect(taken, facts).toEqual([]);
    expect(restarts, facts).toEqual([expect.stringContaining("access facts that break a rule")]);
  }
  const { restarts, taken } = await told([JSON.stringify(FACTS)]);
  expect([restarts, taken.map(({ accessVersion }) => accessVersion)]).toEqual([[], [2]]);
});
