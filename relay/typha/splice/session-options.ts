/** What a Felix connection is given by whoever accepted it. */
import type { Duplex } from "node:stream";

import type { ReadTarget } from "../upstream/dial.ts";
import type { KeySpace } from "./key-space.ts";
import type { PoolFeed } from "./pool-order.ts";
import type { SnapshotMaker } from "./shared-snapshot.ts";

export interface SessionOptions {
  readonly space: KeySpace;
  readonly snapshots: SnapshotMaker;
  readonly pools: PoolFeed;
  /** Whether the remote view may be called complete now; asked again with every change of it. */
  isViewLoaded(): boolean;
  readonly inSyncWaitMs: number;
  /**
   * Where there are remotes, in-sync is never earlier: another relay may have told Felix a moment
   * ago what is only now on its way here.
   */
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
