/**
 * What a scope shows of an origin, as logs of their own: revisions, blobs and digests, so that a reader with a scope is served, resumed, repaired and proven as any
 * other. It follows the origin's logs in their own transactions. [SCP5]
 */
import { must } from "../../../shared/lib/assert.ts";
import { equalBytes } from "../../../shared/lib/bytes.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { decodeRecord, encodeRecord, hashRecord } from "../../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { projectorOf, scopeId } from "../../../shared/visibility/scope.ts";
import type { Projector, Scope } from "../../../shared/visibility/scope.ts";
import { ChannelLog } from "../log/channel-log.ts";
import type { AdmittedChange } from "../log/admitted-batch.ts";
import type { LogStore } from "../log/log-store.ts";
import type { PieceBudget } from "../log/small-frames.ts";

/** An origin's channels, or those of a projection of them. */
export type Logs = ReadonlyMap<Channel, ChannelLog>;

/** A change of the origin's log, with its record read once for all projections; `null` for a delete. */
export type ReadChange = AdmittedChange & { readonly record: CalicoRecord | null };

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
    return [...this.logs.values()].reduce((sum, log) => sum + log.admitted.size, 0);
  }

  /** What the origin has committed, or has held. Call inside the store's transaction. Answers whether anything of it shows. */
  follow(channel: Channel, changes: readonly ReadChange[]): boolean {
    const log = must(this.logs.get(channel), "channel");
    const shown = changes.flatMap((change) => this.#shown(log, change) ?? []);
    if (shown.length > 0) log.commit(shown);
    return shown.length > 0;
  }

  /** What a change is here; `null`: nothing. */
  #shown({ admitted }: ChannelLog, change: ReadChange): AdmittedChange | null {
    const { keyHash, record } = change;
    const projected = record === null ? null : this.#project(record);
    if (projected === null) {
      if (admitted.tagOf(keyHash) === undefined) return null;
      return change.change.op === "delete"
        ? change
        : {
            change: { op: "delete", keyHash, cause: "observed" },
            keyHash,
            recordHash: null,
          };
    }
    const next = projected === record ? change : encoded(keyHash, projected);
    const known = admitted.get(keyHash)?.recordHash;
    return known !== undefined && equalBytes(known, must(next.recordHash, "of a put"))
      ? null
      : next;
  }
}

/** The logs of a slot, one a channel. */
export function logsIn(store: LogStore, pieces: PieceBudget, newEpoch: () => string): Logs {
  return new Map(
    CHANNELS.map((channel) => [channel, new ChannelLog(channel, store, pieces, newEpoch)]),
  );
}

/** @throws Error for bytes that were never admitted. */
export function readChange(change: AdmittedChange): ReadChange {
  if (change.change.op === "delete") return { ...change, record: null };
  const decoded = decodeRecord(change.change.bytes);
  if (!decoded.ok) throw new Error(`BUG: an admitted record is unreadable: ${decoded.error.rule}`);
  return { ...change, record: decoded.record };
}

function encoded(keyHash: Uint8Array, record: CalicoRecord): AdmittedChange {
  const bytes = encodeRecord(record);
  return { change: { op: "put", bytes }, keyHash, recordHash: hashRecord(bytes) };
}
