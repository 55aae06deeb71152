/** The log store of an Origin on SQLite: a Durable Object's, or Node's. */
import { PARTLY_RULE } from "../../../shared/admission/judge.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { addColumn, migrate } from "../../storage/sql.ts";
import type { SqlDatabase } from "../../storage/sql.ts";
import {
  channelNumber,
  frameId,
  frameIds,
  MIGRATIONS,
  PROJECTED,
  wipedNumbers,
} from "./log-schema.ts";
import * as SQL from "./log-statements.ts";
import type {
  ChannelState,
  EntryBytes,
  LogStore,
  PublisherTerm,
  QuarantinedRecord,
  StoredBlob,
  StoredBlobHead,
  StoredFrame,
  StoredProjection,
} from "./log-store.ts";
import { packKept, unpackKept } from "./kept-bytes.ts";
import { parseClaims, StoredState } from "./stored-state.ts";

export class SqliteLogStore implements LogStore {
  protected readonly sql: SqlDatabase;
  readonly #slot: number;
  readonly #state: StoredState;

  constructor(sql: SqlDatabase, slot = 0) {
    this.sql = sql;
    this.#slot = slot;
    this.#state = new StoredState(sql);
    if (slot !== 0) return;
    migrate(sql, MIGRATIONS);
    addColumn(sql, "frames", PROJECTED.name, PROJECTED.definition);
  }

  at(slot: number): LogStore {
    return new SqliteLogStore(this.sql, slot);
  }

  projections(): readonly StoredProjection[] {
    return this.#state.projections();
  }

  saveProjections(projections: readonly StoredProjection[]): void {
    this.#state.save("projections", projections);
  }

  isProjected(channel: Channel, revision: number): boolean {
    const id = frameId(this.#number(channel), revision);
    return SQL.PROJECTED_REVISION.first(this.sql, id)?.projected === revision;
  }

  transaction<T>(work: () => T): T {
    return this.sql.transaction(work);
  }

  facts(): OriginFacts | null {
    return this.#state.facts();
  }

  saveFacts(facts: OriginFacts): void {
    this.#state.save("facts", facts);
  }

  judgedVersion(): number {
    return this.#state.judgedVersion();
  }

  saveJudgedVersion(accessVersion: number): void {
    this.#state.save("judged", accessVersion);
  }

  term(): PublisherTerm {
    return this.#state.term();
  }

  saveTerm(term: PublisherTerm): void {
    this.#state.save("term", term);
  }

  mustReview(): boolean {
    return this.#state.mustReview();
  }

  saveMustReview(must: boolean): void {
    this.#state.save("review", must);
  }

  channel(channel: Channel): ChannelState | null {
    return this.#state.channel(`${this.#channelPrefix}${channel}`);
  }

  saveChannel(channel: Channel, state: ChannelState): void {
    this.#state.save(`${this.#channelPrefix}${channel}`, state);
  }

  putFrame(channel: Channel, frame: StoredFrame): void {
    const { revision, previous, payload, entries } = frame;
    const id = frameId(this.#number(channel), revision);
    SQL.PUT_FRAME.all(this.sql, id, revision, previous, payload, entries);
  }

  frame(channel: Channel, revision: number): StoredFrame | undefined {
    const frame = SQL.FRAME.first(this.sql, frameId(this.#number(channel), revision));
    return frame?.revision === revision ? frame : undefined;
  }

  frameRevisions(channel: Channel): number[] {
    const ids = frameIds(this.#number(channel));
    return SQL.FRAME_REVISIONS.all(this.sql, ...ids).map(({ revision }) => revision);
  }

  frameHead(channel: Channel, revision: number): Omit<StoredFrame, "payload"> | undefined {
    const head = SQL.FRAME_HEAD.first(this.sql, frameId(this.#number(channel), revision));
    return head?.revision === revision ? head : undefined;
  }

  blobHeads(channel: Channel): StoredBlobHead[] {
    return SQL.BLOB_HEADS.all(this.sql, this.#number(channel));
  }

  blobEntries(channel: Channel, { prefix, bits }: Partition): EntryBytes | undefined {
    return SQL.BLOB_ENTRIES.first(this.sql, this.#number(channel), prefix, bits)?.entries;
  }

  blob(
    channel: Channel,
    { prefix, bits }: Partition,
  ): Pick<StoredBlob, "payload" | "entries"> | undefined {
    return SQL.BLOB.first(this.sql, this.#number(channel), prefix, bits);
  }

  replaceBlob(channel: Channel, old: Partition, blobs: readonly StoredBlob[]): void {
    const number = this.#number(channel);
    if (!blobs.some((blob) => blob.bits === old.bits && blob.prefix === old.prefix))
      SQL.DELETE_BLOB.all(this.sql, number, old.prefix, old.bits);
    for (const { prefix, bits, revision, entries, payload } of blobs)
      SQL.PUT_BLOB.all(this.sql, number, prefix, bits, revision, entries, payload);
  }

  quarantine(record: QuarantinedRecord): number {
    const { channel, keyHash, recordHash, kind, key, rule, message } = record;
    const kept = packKept(record.bytes);
    const number = this.#number(channel);
    const claims = JSON.stringify(record.claims);
    SQL.QUARANTINE.all(
      this.sql,
      number,
      keyHash,
      recordHash,
      kind,
      key,
      kept,
      rule,
      message,
      claims,
    );
    return kept.length;
  }

  release(channel: Channel, keyHash: Uint8Array): number {
    return SQL.RELEASE.first(this.sql, this.#number(channel), keyHash)?.size ?? 0;
  }

  quarantined(channel: Channel, keyHash: Uint8Array): QuarantinedRecord | undefined {
    const row = SQL.QUARANTINED.first(this.sql, this.#number(channel), keyHash);
    return row === undefined ? undefined : quarantinedRecord(channel, row);
  }

  quarantinedAfter(channel: Channel, after: Uint8Array, limit: number): QuarantinedRecord[] {
    return SQL.QUARANTINED_AFTER.all(this.sql, this.#number(channel), after, limit).map((row) =>
      quarantinedRecord(channel, row),
    );
  }

  quarantinedHashes(
    channel: Channel,
    after: Uint8Array,
    limit: number,
  ): ReturnType<LogStore["quarantinedHashes"]> {
    return SQL.QUARANTINED_HASHES.all(this.sql, this.#number(channel), after, limit).map(
      ({ key_hash: keyHash, record_hash: recordHash, rule, size }) => ({
        keyHash,
        recordHash,
        rule,
        size,
      }),
    );
  }

  quarantinedEndpoints(): number {
    return SQL.QUARANTINED_ENDPOINTS.first(this.sql, this.#number("identity"), PARTLY_RULE)?.n ?? 0;
  }

  hasPendingClaims(): boolean {
    return SQL.PENDING_CLAIM.first(this.sql) !== undefined;
  }

  wipeLog(rows: number): number {
    let left = rows;
    const [from, to] = wipedNumbers(this.#slot);
    for (const { span, rows: wipe } of SQL.WIPE)
      left -= wipe.all(this.sql, from * span, to * span, left).length;
    if (left === 0) return rows;
    this.#state.forgetPrefix(this.#channelPrefix);
    if (this.#slot === 0) this.#state.forget("projections");
    return rows - left;
  }

  get #channelPrefix(): string {
    return this.#slot === 0 ? "channel:" : `channel:${this.#slot}:`;
  }

  #number(channel: Channel): number {
    return channelNumber(this.#slot, channel);
  }
}

type QuarantinedRow = ReturnType<typeof SQL.QUARANTINED.all>[number];

function quarantinedRecord(channel: Channel, row: QuarantinedRow): QuarantinedRecord {
  const { key_hash: keyHash, record_hash: recordHash, kind, key, rule, message } = row;
  const bytes = unpackKept(row.bytes);
  const claims = parseClaims(row.claims);
  return { channel, keyHash, recordHash, kind, key, bytes, rule, message, claims };
}
