import { PARTLY_RULE } from "../../../shared/admission/judge.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts, RangeClaim } from "../../../shared/visibility/facts.ts";
import { addColumn, migrate } from "../../storage/sql.ts";
import type { SqlDatabase, SqlRow, SqlValue } from "../../storage/sql.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type {
  ChannelState,
  EntryBytes,
  LogStore,
  PublisherTerm,
  QuarantinedRecord,
  StoredBlob,
  StoredFrame,
  StoredProjection,
} from "./log-store.ts";

/**
 * Schema steps, append only. Frames: `id` is channel number · 2^20 + slot of the ring, so that a slot is one row of one B-tree. `projected`, which is
 * no step, because the version before (1a32330) refuses storage that is a step ahead: the revision, where it was written by a program that knows projections; another
 * leaves there what it finds.
 */
const MIGRATIONS: readonly string[][] = [
  [
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE frames (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, previous BLOB NOT NULL, payload BLOB NOT NULL, entries BLOB NOT NULL)",
    "CREATE TABLE blobs (channel INTEGER NOT NULL, prefix INTEGER NOT NULL, bits INTEGER NOT NULL, revision INTEGER NOT NULL, entries BLOB NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (channel, prefix, bits))",
    "CREATE TABLE quarantine (channel INTEGER NOT NULL, key_hash BLOB NOT NULL, record_hash BLOB NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, bytes BLOB NOT NULL, rule TEXT NOT NULL, message TEXT NOT NULL, claims TEXT NOT NULL, PRIMARY KEY (channel, key_hash)) WITHOUT ROWID",
  ],
  ["CREATE INDEX quarantine_pending ON quarantine (rule) WHERE rule = 'unclaimed-range'"],
];

const SLOT_SPACE = 2 ** 20;
/** Numbers of a projection's channels; the origin's own begin at 0. */
const SLOT_CHANNELS = 16;
const WIPED = [
  { name: "frames", key: "id", first: "id", span: SLOT_SPACE },
  { name: "blobs", key: "channel, prefix, bits", first: "channel", span: 1 },
  { name: "quarantine", key: "channel, key_hash", first: "channel", span: 1 },
] as const;

export class SqliteLogStore implements LogStore {
  protected readonly sql: SqlDatabase;
  readonly #slot: number;

  constructor(sql: SqlDatabase, slot = 0) {
    this.sql = sql;
    this.#slot = slot;
    if (slot !== 0) return;
    migrate(sql, MIGRATIONS);
    addColumn(sql, "frames", "projected", "INTEGER NOT NULL DEFAULT 0");
  }

  at(slot: number): LogStore {
    return new SqliteLogStore(this.sql, slot);
  }

  projections(): readonly StoredProjection[] {
    return this.#state<StoredProjection[]>("projections") ?? [];
  }

  saveProjections(projections: readonly StoredProjection[]): void {
    this.#saveState("projections", projections);
  }

  isProjected(channel: Channel, revision: number): boolean {
    const row = this.sql.run(
      "SELECT projected FROM frames WHERE id = ?",
      this.#slotId(channel, revision),
    )[0];
    return row?.["projected"] === revision;
  }

  transaction<T>(work: () => T): T {
    return this.sql.transaction(work);
  }

  facts(): OriginFacts | null {
    return this.#state<OriginFacts>("facts");
  }

  saveFacts(facts: OriginFacts): void {
    this.#saveState("facts", facts);
  }

  judgedVersion(): number {
    return this.#state<number>("judged") ?? 0;
  }

  saveJudgedVersion(accessVersion: number): void {
    this.#saveState("judged", accessVersion);
  }

  term(): PublisherTerm {
    return this.#state<PublisherTerm>("term") ?? { leaseUid: "", term: 0 };
  }

  saveTerm(term: PublisherTerm): void {
    this.#saveState("term", term);
  }

  mustReview(): boolean {
    return this.#state<boolean>("review") ?? false;
  }

  saveMustReview(must: boolean): void {
    this.#saveState("review", must);
  }

  channel(channel: Channel): ChannelState | null {
    return this.#state<ChannelState>(`${this.#channelPrefix}${channel}`);
  }

  saveChannel(channel: Channel, state: ChannelState): void {
    this.#saveState(`${this.#channelPrefix}${channel}`, state);
  }

  putFrame(channel: Channel, frame: StoredFrame): void {
    this.sql.run(
      "INSERT INTO frames (id, revision, previous, payload, entries, projected) VALUES (?1, ?2, ?3, ?4, ?5, ?2) ON CONFLICT (id) DO UPDATE SET revision = ?2, previous = ?3, payload = ?4, entries = ?5, projected = ?2",
      this.#slotId(channel, frame.revision),
      frame.revision,
      frame.previous,
      frame.payload,
      frame.entries,
    );
  }

  frame(channel: Channel, revision: number): StoredFrame | undefined {
    const row = this.sql.run(
      "SELECT revision, previous, payload, entries FROM frames WHERE id = ?",
      this.#slotId(channel, revision),
    )[0];
    if (row === undefined || row["revision"] !== revision) return undefined;
    return { ...frameHead(row), payload: bytesOf(row["payload"]) };
  }

  frameRevisions(channel: Channel): number[] {
    const first = this.#number(channel) * SLOT_SPACE;
    return this.sql
      .run(
        "SELECT revision FROM frames WHERE id >= ? AND id < ? ORDER BY revision",
        first,
        first + BUDGETS.ringFrames,
      )
      .map((row) => Number(row["revision"]));
  }

  frameHead(channel: Channel, revision: number): Omit<StoredFrame, "payload"> | undefined {
    const row = this.sql.run(
      "SELECT revision, previous, entries FROM frames WHERE id = ?",
      this.#slotId(channel, revision),
    )[0];
    return row === undefined || row["revision"] !== revision ? undefined : frameHead(row);
  }

  blobHeads(channel: Channel): Omit<StoredBlob, "payload" | "entries">[] {
    return this.sql
      .run(
        "SELECT prefix, bits, revision FROM blobs WHERE channel = ? ORDER BY prefix",
        this.#number(channel),
      )
      .map((row) => ({
        prefix: Number(row["prefix"]),
        bits: Number(row["bits"]),
        revision: Number(row["revision"]),
      }));
  }

  blobEntries(channel: Channel, partition: Partition): EntryBytes | undefined {
    const row = this.sql.run(
      "SELECT entries FROM blobs WHERE channel = ? AND prefix = ? AND bits = ?",
      this.#number(channel),
      partition.prefix,
      partition.bits,
    )[0];
    return row === undefined ? undefined : bytesOf(row["entries"]);
  }

  blob(
    channel: Channel,
    partition: Partition,
  ): Pick<StoredBlob, "payload" | "entries"> | undefined {
    const row = this.sql.run(
      "SELECT payload, entries FROM blobs WHERE channel = ? AND prefix = ? AND bits = ?",
      this.#number(channel),
      partition.prefix,
      partition.bits,
    )[0];
    return row === undefined
      ? undefined
      : { payload: bytesOf(row["payload"]), entries: bytesOf(row["entries"]) };
  }

  replaceBlob(channel: Channel, old: Partition, blobs: readonly StoredBlob[]): void {
    const number = this.#number(channel);
    if (!blobs.some((blob) => blob.bits === old.bits && blob.prefix === old.prefix))
      this.sql.run(
        "DELETE FROM blobs WHERE channel = ? AND prefix = ? AND bits = ?",
        number,
        old.prefix,
        old.bits,
      );
    for (const blob of blobs)
      this.sql.run(
        "INSERT OR REPLACE INTO blobs (channel, prefix, bits, revision, entries, payload) VALUES (?, ?, ?, ?, ?, ?)",
        number,
        blob.prefix,
        blob.bits,
        blob.revision,
        blob.entries,
        blob.payload,
      );
  }

  quarantine(record: QuarantinedRecord): void {
    this.sql.run(
      "INSERT OR REPLACE INTO quarantine (channel, key_hash, record_hash, kind, key, bytes, rule, message, claims) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      this.#number(record.channel),
      record.keyHash,
      record.recordHash,
      record.kind,
      record.key,
      record.bytes,
      record.rule,
      record.message,
      JSON.stringify(record.claims),
    );
  }

  release(channel: Channel, keyHash: Uint8Array): void {
    this.sql.run(
      "DELETE FROM quarantine WHERE channel = ? AND key_hash = ?",
      this.#number(channel),
      keyHash,
    );
  }

  quarantined(channel: Channel, keyHash: Uint8Array): QuarantinedRecord | undefined {
    const row = this.sql.run(
      "SELECT * FROM quarantine WHERE channel = ? AND key_hash = ?",
      this.#number(channel),
      keyHash,
    )[0];
    return row === undefined ? undefined : quarantinedRecord(channel, row);
  }

  quarantinedAfter(channel: Channel, after: Uint8Array, limit: number): QuarantinedRecord[] {
    return this.sql
      .run(
        "SELECT * FROM quarantine WHERE channel = ? AND key_hash > ? ORDER BY key_hash LIMIT ?",
        this.#number(channel),
        after,
        limit,
      )
      .map((row) => quarantinedRecord(channel, row));
  }

  quarantinedHashes(
    channel: Channel,
    after: Uint8Array,
    limit: number,
  ): Pick<QuarantinedRecord, "keyHash" | "recordHash" | "rule">[] {
    return this.sql
      .run(
        "SELECT key_hash, record_hash, rule FROM quarantine WHERE channel = ? AND key_hash > ? ORDER BY key_hash LIMIT ?",
        this.#number(channel),
        after,
        limit,
      )
      .map((row) => ({
        keyHash: bytesOf(row["key_hash"]),
        recordHash: bytesOf(row["record_hash"]),
        rule: String(row["rule"]),
      }));
  }

  quarantinedEndpoints(): number {
    const row = this.sql.run(
      "SELECT count(*) AS n FROM quarantine WHERE channel = ? AND kind IN ('WorkloadEndpoint', 'HostEndpoint') AND rule <> ?",
      this.#number("identity"),
      PARTLY_RULE,
    )[0];
    return Number(row?.["n"]);
  }

  hasPendingClaims(): boolean {
    return (
      this.sql.run("SELECT 1 FROM quarantine WHERE rule = 'unclaimed-range' LIMIT 1").length > 0
    );
  }

  wipeLog(rows: number): number {
    let left = rows;
    const from = this.#slot * SLOT_CHANNELS;
    const to = this.#slot === 0 ? Number.MAX_SAFE_INTEGER / SLOT_SPACE : from + SLOT_CHANNELS;
    for (const { name, key, first, span } of WIPED)
      left -= this.sql.run(
        `DELETE FROM ${name} WHERE (${key}) IN (SELECT ${key} FROM ${name} WHERE ${first} >= ? AND ${first} < ? LIMIT ?) RETURNING 1`,
        from * span,
        to * span,
        left,
      ).length;
    if (left === 0) return rows;
    // By a range, because LIKE ignores case and so finds no use for the index.
    const prefix = this.#channelPrefix;
    this.sql.run("DELETE FROM state WHERE name >= ? AND name < ?", prefix, `${prefix}\u{10ffff}`);
    if (this.#slot === 0) this.sql.run("DELETE FROM state WHERE name = 'projections'");
    return rows - left;
  }

  get #channelPrefix(): string {
    return this.#slot === 0 ? "channel:" : `channel:${this.#slot}:`;
  }

  #number(channel: Channel): number {
    return this.#slot * SLOT_CHANNELS + CHANNELS.indexOf(channel);
  }

  #slotId(channel: Channel, revision: number): number {
    return this.#number(channel) * SLOT_SPACE + (revision % BUDGETS.ringFrames);
  }

  #state<T>(name: string): T | null {
    const row = this.sql.run("SELECT value FROM state WHERE name = ?", name)[0];
    return row === undefined ? null : (JSON.parse(String(row["value"])) as T);
  }

  #saveState(name: string, value: unknown): void {
    this.sql.run(
      "INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)",
      name,
      JSON.stringify(value),
    );
  }
}

function bytesOf(value: SqlValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new Error(`BUG: expected a blob, found ${typeof value}`);
}

function frameHead(row: SqlRow): Omit<StoredFrame, "payload"> {
  return {
    revision: Number(row["revision"]),
    previous: bytesOf(row["previous"]),
    entries: bytesOf(row["entries"]),
  };
}

function quarantinedRecord(channel: Channel, row: SqlRow): QuarantinedRecord {
  return {
    channel,
    keyHash: bytesOf(row["key_hash"]),
    recordHash: bytesOf(row["record_hash"]),
    kind: String(row["kind"]),
    key: String(row["key"]),
    bytes: bytesOf(row["bytes"]),
    rule: String(row["rule"]),
    message: String(row["message"]),
    claims: JSON.parse(String(row["claims"])) as RangeClaim[],
  };
}
