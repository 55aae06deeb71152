/** What a Felix connection is given by whoever accepted it. */
import type { Duplex } from "node:stream";

import type { ReadTarget } from "../upstream/dial.ts";
import type { KeySpace } from "./key-space.ts";
import type { PoolFeed } from "./pool-order.ts";
import type { SnapshotMaker } from "./shared-snapshot.ts";

/** Begun when a Felix connects. */
export interface SpliceBarrier {
  /** Whether all is here that was known to anybody when it began. */
  look(): boolean;
}

/** Where nobody can say. */
export const NEVER_PASSED: SpliceBarrier = { look: () => false };
/** Ten times what a change takes from its origin to a relay (p99). */
export const SETTLE_MS = 1_000;

export interface SessionOptions {
  readonly space: KeySpace;
  readonly snapshots: SnapshotMaker;
  readonly pools: PoolFeed;
  /** Whether the remote view may be called complete now; asked again with every change of it. */
  isViewLoaded(): boolean;
  readonly inSyncWaitMs: number;
  /** Another relay may have told Felix a moment ago what is only now on its way here. [TYP25] */
  readonly barrier: SpliceBarrier;
  /** Where there are remotes and the barrier is not passed, in-sync is never earlier. */
  readonly settleMs: number;
  dial(target: ReadTarget | undefined): Promise<Duplex | string>;
  readonly compressUpstream: boolean;
  /**
   * @param by Who broke the protocol, or `null` where nobody did: a Felix that breaks it is held,
   *   not let in again at once.
   */
  onEnd(reason: string, by: "felix" | null): void;
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
}
