/**
 * Every call of the hub's stores on a database that holds much, with the most rows that it may
 * read: for tests of what statements cost. A method that is missing here does not compile.
 */
import { CHANNELS } from "../../shared/record/channel.ts";
import { SqlMeshStore } from "../../worker/mesh/mesh-store.ts";
import type { MeshStore } from "../../worker/mesh/mesh-store.ts";
import type { LogStore, QuarantinedRecord } from "../../worker/origin/log/log-store.ts";
import { SqliteLogStore } from "../../worker/origin/log/sqlite-log-store.ts";
import type { SqlDatabase } from "../../worker/storage/sql.ts";

/** Rows of each table, channel and slot, and of each collection. */
export const STORED = 300;
/** What one call asks for at once. */
const LIMIT = 10;

export interface StoreCall {
  readonly name: string;
  readonly call: () => unknown;
  /** Rows that SQLite may read for it. */
  readonly most: number;
}

type Calls<S> = { readonly [M in keyof S]: Omit<StoreCall, "name"> };

function named<S>(calls: Calls<S>): readonly StoreCall[] {
  return Object.entries<Omit<StoreCall, "name">>(calls).map(([name, call]) => ({ name, ...call }));
}

const bytes = new Uint8Array(16).fill(3);

function keyHash(n: number): Uint8Array {
  return new Uint8Array([n >> 8, n & 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

function quarantined(n: number): Omit<QuarantinedRecord, "channel"> {
  return {
    keyHash: keyHash(n),
    recordHash: keyHash(n),
    kind: "WorkloadEndpoint",
    key: `key ${n}`,
    bytes,
    rule: n % 100 === 0 ? "unclaimed-range" : "outside-ranges",
    message: "",
    claims: [],
  };
}

function filledLogStore(sql: SqlDatabase): LogStore {
  const first = new SqliteLogStore(sql);
  for (const slot of [0, 1, 2])
    for (const channel of CHANNELS) {
      const store = first.at(slot);
      store.saveChannel(channel, { epoch: "e", populated: true, foldedTo: 0 });
      for (let n = 0; n < STORED; n++) {
        store.putFrame(channel, { revision: n, previous: bytes, payload: bytes, entries: bytes });
        const blob = { bits: 10, prefix: n * 2 ** 22, revision: n, payload: bytes, entries: bytes };
        store.replaceBlob(channel, blob, [blob]);
        store.quarantine({ channel, ...quarantined(n) });
      }
    }
  return first;
}

/** The calls of an Origin's log, each with what it may read. */
export function logStoreCalls(sql: SqlDatabase): readonly StoreCall[] {
  const store = filledLogStore(sql);
  const channel = "pools";
  const partition = { bits: 10, prefix: 7 * 2 ** 22 };
  const facts = { accessVersion: 1 } as Parameters<LogStore["saveFacts"]>[0];
  const blob = { ...partition, revision: 9, payload: bytes, entries: bytes };
  const frame = { revision: STORED, previous: bytes, payload: bytes, entries: bytes };
  return named<LogStore>({
    at: { call: () => store.at(1).channel(channel), most: 1 },
    transaction: { call: () => store.transaction(() => null), most: 0 },
    projections: { call: () => store.projections(), most: 1 },
    saveProjections: { call: () => store.saveProjections([]), most: 1 },
    facts: { call: () => store.facts(), most: 1 },
    saveFacts: { call: () => store.saveFacts(facts), most: 1 },
    judgedVersion: { call: () => store.judgedVersion(), most: 1 },
    saveJudgedVersion: { call: () => store.saveJudgedVersion(1), most: 1 },
    term: { call: () => store.term(), most: 1 },
    saveTerm: { call: () => store.saveTerm({ leaseUid: "", term: 1 }), most: 1 },
    mustReview: { call: () => store.mustReview(), most: 1 },
    saveMustReview: { call: () => store.saveMustReview(true), most: 1 },
    channel: { call: () => store.channel(channel), most: 1 },
    saveChannel: {
      call: () => store.saveChannel(channel, { epoch: "e", populated: true, foldedTo: 1 }),
      most: 1,
    },
    putFrame: { call: () => store.putFrame(channel, frame), most: 1 },
    frame: { call: () => store.frame(channel, 7), most: 1 },
    frameHead: { call: () => store.frameHead(channel, 7), most: 1 },
    isProjected: { call: () => store.isProjected(channel, 7), most: 1 },
    // At the start of an Origin only: what its ring holds, and its blobs, of one channel.
    frameRevisions: { call: () => store.frameRevisions(channel), most: 2 * STORED + 3 },
    blobHeads: { call: () => store.blobHeads(channel), most: STORED + 1 },
    blobEntries: { call: () => store.blobEntries(channel, partition), most: 2 },
    blob: { call: () => store.blob(channel, partition), most: 2 },
    replaceBlob: { call: () => store.replaceBlob(channel, partition, [blob]), most: 4 },
    quarantine: { call: () => store.quarantine({ channel, ...quarantined(7) }), most: 2 },
    release: { call: () => store.release(channel, keyHash(8)), most: 2 },
    quarantined: { call: () => store.quarantined(channel, keyHash(7)), most: 1 },
    quarantinedAfter: {
      call: () => store.quarantinedAfter(channel, keyHash(20), LIMIT),
      most: LIMIT + 1,
    },
    quarantinedHashes: {
      call: () => store.quarantinedHashes(channel, keyHash(20), LIMIT),
      most: LIMIT + 1,
    },
    // For the status, which a person asks for: what is refused of one channel.
    quarantinedEndpoints: { call: () => store.quarantinedEndpoints(), most: STORED + 1 },
    hasPendingClaims: { call: () => store.hasPendingClaims(), most: 1 },
    // Each row that goes is read as what is to go, as what goes, and as what is answered.
    wipeLog: { call: () => store.wipeLog(LIMIT), most: 6 * LIMIT },
  });
}

/** The calls of a mesh's registry, each with what it may read. */
export function meshStoreCalls(sql: SqlDatabase): readonly StoreCall[] {
  const filled = new SqlMeshStore(sql);
  filled.transaction(() => {
    for (const collection of ["grants", "outbox", "counters"] as const)
      for (let n = 0; n < STORED; n++)
        filled.put(collection, `${n % 30}/${n}`, { value: n, createdMs: 0 } as never);
  });
  // Another one: rows that have been read or written are kept in memory.
  const store = new SqlMeshStore(sql);
  return named<MeshStore>({
    get: { call: () => store.get("grants", "7/7"), most: 1 },
    put: { call: () => store.put("grants", "7/7", { createdMs: 1 }), most: 2 },
    delete: { call: () => store.delete("grants", "8/8"), most: 2 },
    list: { call: () => store.list("grants", "9/"), most: STORED / 30 + 1 },
    after: { call: () => store.after("grants", "9/", LIMIT), most: LIMIT },
    count: { call: () => store.count("grants", "9/"), most: STORED / 30 + 1 },
    transaction: { call: () => store.transaction(() => null), most: 0 },
  });
}
