/**
 * The part of an origin that a scope shows, as logs of its own: revisions, blobs and digests, so
 * that a reader with a scope is served, resumed, repaired and proven as any other. It follows the
 * origin's logs in their own transactions. [SCP5]
 */
import { must } from "../../../shared/lib/assert.ts";
import { equalBytes } from "../../../shared/lib/bytes.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { projectorOf, scopeId } from "../../../shared/visibility/scope.ts";
import type { Projector, Scope } from "../../../shared/visibility/scope.ts";
import { deleteOf, putOf } from "../log/admitted-change.ts";
import type { AdmittedChange, ReadChange } from "../log/admitted-change.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { listLogs, logsIn } from "../log/channel-logs.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { LogStore } from "../log/log-store.ts";
import type { PieceBudget } from "../log/small-frames.ts";

export class Projection {
  readonly id: string;
  readonly scope: Scope;
  readonly slot: number;
  readonly logs: Logs;
  readonly #project: Projector;

  constructor(
    scope: Scope,
    slot: number,
    store: LogStore,
    pieces: PieceBudget,
    newEpoch: () => string,
  ) {
    this.id = scopeId(scope);
    this.scope = scope;
    this.slot = slot;
    this.logs = logsIn(store.at(slot), pieces, newEpoch);
    this.#project = projectorOf(scope);
  }

  /** Records of all channels. */
  get size(): number {
    return listLogs(this.logs).reduce((sum, log) => sum + log.keys, 0);
  }

  /**
   * Commits the projection of changes that the origin has committed, or holds. Call inside the
   * store's transaction. Answers whether anything of them shows.
   */
  follow(channel: Channel, changes: readonly ReadChange[]): boolean {
    const log = this.logs[channel];
    const shown = changes.flatMap((change) => this.#shown(log, change) ?? []);
    if (shown.length > 0) log.commit(shown);
    return shown.length > 0;
  }

  /** The change as the scope shows it; `null`: nothing. */
  #shown({ admitted }: ChannelLog, change: ReadChange): AdmittedChange | null {
    const { keyHash, record } = change;
    const projected = record === null ? null : this.#project(record);
    if (projected === null) {
      if (admitted.tagOf(keyHash) === undefined) return null;
      return change.change.op === "delete" ? change : deleteOf(keyHash);
    }
    const next = projected === record ? change : putOf(keyHash, projected);
    const known = admitted.get(keyHash)?.recordHash;
    return known !== undefined && equalBytes(known, must(next.recordHash, "of a put"))
      ? null
      : next;
  }
}
