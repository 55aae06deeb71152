/** The real store of an Origin, telling the history what it has committed, once it has. */
import { toHex } from "../../shared/lib/bytes.ts";

import { nextChain } from "../../shared/log/cursor.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { QuarantinedRecord, StoredFrame } from "../../worker/origin/log/log-store.ts";
import type { LogStore, StoredProjection } from "../../worker/origin/log/log-store.ts";
import { SqliteLogStore } from "../../worker/origin/log/sqlite-log-store.ts";
import { scopeId } from "../../shared/visibility/scope.ts";
import type {
  Entries,
  Happening,
  History,
  LoggedFrame,
  LoggedLog,
  StoredAccess,
} from "./history.ts";
import type { SimSql } from "./sql.ts";

const PAIR_BYTES = 2 * HASH_BYTES;
const ABSENT = "00".repeat(HASH_BYTES);

/** What the history knows of a storage, to be put back with it. */
export interface StoredModel {
  readonly logs: Map<Channel, { epoch: string; frames: LoggedFrame[] }>;
  readonly kept: Map<string, string>;
  access: StoredAccess | null;
  readonly projections: Map<number, { readonly id: string; readonly logs: StoredModel["logs"] }>;
}

export function emptyModel(): StoredModel {
  return { logs: new Map(), kept: new Map(), access: null, projections: new Map() };
}

export function copyModel(model: StoredModel): StoredModel {
  return {
    logs: copyLogs(model.logs),
    kept: new Map(model.kept),
    access: model.access,
    projections: new Map(
      [...model.projections].map(([slot, { id, logs }]) => [slot, { id, logs: copyLogs(logs) }]),
    ),
  };
}

function copyLogs(logs: StoredModel["logs"]): StoredModel["logs"] {
  return new Map(
    [...logs].map(([channel, { epoch, frames }]) => [channel, { epoch, frames: [...frames] }]),
  );
}

export class RecordedStore extends SqliteLogStore {
  readonly #origin: string;
  readonly #history: History;
  readonly #model: StoredModel;
  readonly #slot: number;
  /** What is told once it is committed; of all slots together. */
  readonly #staged: Happening[];

  constructor(
    sql: SimSql,
    origin: string,
    history: History,
    model: StoredModel,
    slot = 0,
    staged: Happening[] = [],
  ) {
    super(sql, slot);
    this.#origin = origin;
    this.#history = history;
    this.#model = model;
    this.#slot = slot;
    this.#staged = staged;
  }

  override at(slot: number): LogStore {
    const sql = this.sql as SimSql;
    return new RecordedStore(sql, this.#origin, this.#history, this.#model, slot, this.#staged);
  }

  override transaction<T>(work: () => T): T {
    this.#staged.length = 0;
    const result = super.transaction(work);
    for (const it of this.#staged) {
      this.#take(it);
      this.#history.add(it);
    }
    this.#staged.length = 0;
    return result;
  }

  override saveProjections(projections: readonly StoredProjection[]): void {
    super.saveProjections(projections);
    const slots = new Map(
      projections.flatMap(({ slot, scope, state }) =>
        scope === null || state === "overfull" ? [] : [[slot, scopeId(scope)] as const],
      ),
    );
    this.#staged.push({ what: "projections", origin: this.#origin, slots });
  }

  override saveFacts(facts: OriginFacts): void {
    super.saveFacts(facts);
    const scoped = facts.removed ? [] : (facts.scopedReaders ?? []);
    const scopes = new Map(scoped.map(({ cluster, scope }) => [cluster.uid, scopeId(scope)]));
    const all = facts.removed ? [] : facts.readers.map((reader) => reader.cluster.uid);
    this.#staged.push({
      what: "access",
      origin: this.#origin,
      version: facts.accessVersion,
      readers: new Set([...all, ...scopes.keys()]),
      scopes,
    });
  }

  override putFrame(channel: Channel, frame: StoredFrame): void {
    super.putFrame(channel, frame);
    const epoch = this.channel(channel)?.epoch ?? "";
    const { revision, previous } = frame;
    const chain = toHex(nextChain(previous, revision, frame.payload));
    const entries = entriesOf(frame.entries);
    this.#staged.push({
      what: "commit",
      origin: this.#origin,
      ...(this.#slot === 0 ? {} : { slot: this.#slot }),
      channel,
      epoch,
      frame: { revision, previous: toHex(previous), chain, entries },
    });
  }

  override quarantine(record: QuarantinedRecord): number {
    const size = super.quarantine(record);
    const [key, hash] = [toHex(record.keyHash), toHex(record.recordHash)];
    this.#staged.push({ what: "kept", origin: this.#origin, key, hash });
    return size;
  }

  override release(channel: Channel, keyHash: Uint8Array): number {
    const size = super.release(channel, keyHash);
    this.#staged.push({ what: "kept", origin: this.#origin, key: toHex(keyHash), hash: null });
    return size;
  }

  override wipeLog(rows: number): number {
    const wiped = super.wipeLog(rows);
    if (this.#slot > 0) return wiped;
    const logs = new Map<Channel, LoggedLog>();
    this.#staged.push({
      what: "storage",
      origin: this.#origin,
      logs,
      kept: new Map(),
      access: this.#model.access,
      why: "wiped",
    });
    return wiped;
  }

  #take(it: Happening): void {
    const { logs: own, kept, projections } = this.#model;
    if (it.what === "commit") {
      const logs = it.slot === undefined ? own : (projections.get(it.slot)?.logs ?? new Map());
      const log = logs.get(it.channel);
      if (log?.epoch === it.epoch) log.frames.push(it.frame);
      else logs.set(it.channel, { epoch: it.epoch, frames: [it.frame] });
    } else if (it.what === "access") this.#model.access = it;
    else if (it.what === "kept" && it.hash !== null) kept.set(it.key, it.hash);
    else if (it.what === "kept") kept.delete(it.key);
    else if (it.what === "projections") {
      for (const slot of projections.keys()) if (!it.slots.has(slot)) projections.delete(slot);
      for (const [slot, id] of it.slots)
        if (!projections.has(slot)) projections.set(slot, { id, logs: new Map() });
    } else if (it.what === "storage") {
      own.clear();
      kept.clear();
      projections.clear();
    }
  }
}

export function entriesOf(bytes: Uint8Array): Entries {
  const entries = new Map<string, string | null>();
  for (let at = 0; at < bytes.length; at += PAIR_BYTES) {
    const hash = toHex(bytes.subarray(at + HASH_BYTES, at + PAIR_BYTES));
    entries.set(toHex(bytes.subarray(at, at + HASH_BYTES)), hash === ABSENT ? null : hash);
  }
  return entries;
}
