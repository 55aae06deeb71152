/** What a Felix may be told while a relay begins to follow facts. */
import { afterEach, expect, test } from "vitest";

import type { Relay } from "../../relay/relay.ts";
import { LoneRelay } from "../support/lone-relay.ts";
import { address, pod } from "../support/records.ts";

let relays: LoneRelay | null = null;

afterEach(() => relays?.close());

test("[TYP8] in the middle of following facts no view is complete: their remotes are not there yet", () => {
  relays = new LoneRelay();
  /** At each look: how many remotes there are when the views are said to be complete. */
  const complete: number[] = [];
  let looks = 0;
  const watch = (relay: Relay): void => {
    const look = (): void => {
      looks++;
      if (relay.isViewLoaded) complete.push([...relay.remotes.granted()].length);
    };
    relay.splice = { felixes: [], canServe: () => Promise.resolve(true), look };
    // Something of the facts is followed before there are remotes.
    const { pools } = relay.remotes;
    const setReaders = pools.setReaders.bind(pools);
    pools.setReaders = (...args) => {
      setReaders(...args);
      look();
    };
  };
  const relay = relays.start([pod("web", address(1))], watch);
  expect([...relay.remotes.granted()]).toHaveLength(1);
  expect(looks).toBeGreaterThan(1);
  // The view on this disk lacks two channels: it never is complete.
  expect(complete).toEqual([]);
});
