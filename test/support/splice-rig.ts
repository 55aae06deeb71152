/** A splice between a Typha and sync clients of a test, all taken down behind it. */
import { afterEach } from "vitest";

import { dialTcp } from "../../relay/typha/upstream/dial.ts";
import { Splice } from "../../relay/typha/splice/splice.ts";
import type { SpliceOptions } from "../../relay/typha/splice/splice.ts";
import { fixedUpstream } from "../../relay/typha/upstream/upstream.ts";
import { FakeFeed } from "./fake-feed.ts";
import { LiveTypha } from "./live-typha.ts";
import { SyncClient } from "./typha.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export function cleanUp(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

export interface SpliceRig {
  readonly typha: LiveTypha;
  readonly feed: FakeFeed;
  readonly splice: Splice;
  readonly port: number;
  readonly logs: string[];
  /** A sync client that says hello. */
  readonly client: (hello?: ConstructorParameters<typeof SyncClient>[1]) => SyncClient;
}

export async function spliceRig(
  kvs: Readonly<Record<string, string>> = {},
  options: Partial<SpliceOptions> & { typha?: LiveTypha; feed?: FakeFeed } = {},
): Promise<SpliceRig> {
  const typha = options.typha ?? (await LiveTypha.start(kvs));
  cleanUp(() => typha.down());
  const feed = options.feed ?? new FakeFeed();
  const logs: string[] = [];
  const splice = new Splice({
    listen: "127.0.0.1:0",
    upstream: fixedUpstream(typha.address, dialTcp),
    feed,
    isViewLoaded: () => true,
    inSyncWaitMs: 30_000,
    settleMs: 0,
    log: (_level, message, fields) => logs.push(`${message} ${JSON.stringify(fields)}`),
    ...options,
  });
  const port = await splice.start();
  cleanUp(() => splice.stop());
  const client = (hello = {}): SyncClient => {
    const made = new SyncClient(port, hello);
    cleanUp(() => made.close());
    return made;
  };
  return { typha, feed, splice, port, logs, client };
}
