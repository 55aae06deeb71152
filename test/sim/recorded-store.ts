/** The real store of an Origin, telling the history what it has committed, once it has. */
import { toHex } from "../../shared/lib/bytes.ts";

import { nextChain } from "../../shared/log/cursor.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { QuarantinedRecord, StoredFrame } from "../../worker/origin/log-store.ts";
import { SqliteLogStore } from "../../worker/origin/sqlite-log-store.ts";
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
}

export function emptyModel(): StoredModel {
  return { logs: new Map(), kept: new Map(), access: null };
}

export function copyModel(model: StoredModel): StoredModel {
  return {
    logs: new Map(
      [...model.logs].map(([channel, { epoch, frames }]) => [
        channel,
        { epoch, frames: [...frames] },
      ]),
    ),
    kept: new Map(model.kept),
    access: model.access,
  };
}

export class RecordedStore extends SqliteLogStore {
  readonly #origin: string;
  readonly #history: History;
  readonly #model: StoredModel;
  #staged: Happening[] = [];

  constructor(sql: SimSql, origin: string, history: History, model: StoredModel) {
    super(sql);
    this.#origin = origin;
    this.#history = history;
    this.#model = model;
  }

  override transaction<T>(work: () => T): T {
    this.#staged = [];
    const result = super.transaction(work);
    for (const it of this.#staged) {
      this.#take(it);
      this.#history.add(it);
    }
    this.#staged = [];
    return result;
  }

  override saveFacts(facts: OriginFacts): void {
    super.saveFacts(facts);
    const readers = new Set(facts.removed ? [] : facts.readers.map((reader) => reader.cluster.uid));
    this.#staged.push({
      what: "access",
      origin: this.#origin,
      version: facts.accessVersion,
      readers,
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
      channel,
      epoch,
      frame: { revision, previous: toHex(previous), chain, entries },
    });
  }

  override quarantine(record: QuarantinedRecord): void {
    super.quarantine(record);
    const [key, hash] = [toHex(record.keyHash), toHex(record.recordHash)];
    this.#staged.push({ what: "kept", origin: this.#origin, key, hash });
  }

  override release(channel: Channel, keyHash: Uint8Array): void {
    super.release(channel, keyHash);
    this.#staged.push({ what: "kept", origin: this.#origin, key: toHex(keyHash), hash: null });
  }

  override wipeLog(rows: number): number {
    const wiped = super.wipeLog(rows);
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
    const { logs, kept } = this.#model;
    if (it.what === "commit") {
      const log = logs.get(it.channel);
      if (log?.epoch === it.epoch) log.frames.push(it.frame);
      else logs.set(it.channel, { epoch: it.epoch, frames: [it.frame] });
    } else if (it.what === "access") this.#model.access = it;
    else if (it.what === "kept" && it.hash !== null) kept.set(it.key, it.hash);
    else if (it.what === "kept") kept.delete(it.key);
    else if (it.what === "storage") {
      logs.clear();
      kept.clear();
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
