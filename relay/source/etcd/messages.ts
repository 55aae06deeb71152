/** etcd's messages that a source needs. (etcd v3.6 api/etcdserverpb/rpc.proto, mvccpb/kv.proto.) */
import { MessageReader, MessageWriter } from "./protobuf.ts";

export const RANGE = "/etcdserverpb.KV/Range";
export const WATCH = "/etcdserverpb.Watch/Watch";
export const AUTHENTICATE = "/etcdserverpb.Auth/Authenticate";
export const STATUS = "/etcdserverpb.Maintenance/Status";

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly modRevision: number;
}

export interface RangePage {
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  readonly hasMore: boolean;
}

/** Of a page what the next one is asked for by, without its values. */
export interface RangeEnds {
  readonly revision: number;
  /** Keys from the page's first one on, this page's among them. */
  readonly count: number;
  /** Empty where the page has none. */
  readonly lastKey: string;
  readonly hasMore: boolean;
}

export interface WatchEvent {
  readonly op: "put" | "delete";
  readonly kv: KeyValue;
}

export interface WatchAnswer {
  readonly revision: number;
  /** -1 is 2^64 - 1 on the wire, of all watches of the stream: told as `null`. */
  readonly watchId: number | null;
  readonly isCreated: boolean;
  readonly isCanceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same revision follows. */
  readonly isFragment: boolean;
  readonly events: readonly WatchEvent[];
}

/** @param from First key, and `end` the first that is not in it. */
export function rangeRequest(
  from: string,
  end: string,
  { limit, revision }: { readonly limit: number; readonly revision: number },
): Uint8Array {
  return new MessageWriter().text(1, from).text(2, end).number(3, limit).number(4, revision).done();
}

export function watchRequest(
  prefix: string,
  { watchId, startRevision }: { readonly watchId: number; readonly startRevision: number },
): Uint8Array {
  const create = new MessageWriter()
    .text(1, prefix)
    .text(2, prefixEnd(prefix))
    .number(3, startRevision)
    .number(4, 1)
    .number(7, watchId)
    .number(8, 1);
  return new MessageWriter().message(1, create).done();
}

export function progressRequest(): Uint8Array {
  return new MessageWriter().message(3, new MessageWriter()).done();
}

export function authenticateRequest(name: string, password: string): Uint8Array {
  return new MessageWriter().text(1, name).text(2, password).done();
}

/** All keys that begin with a prefix end before this one. */
export function prefixEnd(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}

/** The key that follows directly. */
export function afterKey(key: string): string {
  return `${key}\0`;
}

/** @throws MalformedMessage, as all of these do. */
export function readRangePage(bytes: Uint8Array): RangePage {
  const reader = new MessageReader(bytes);
  const kvs: KeyValue[] = [];
  let [revision, hasMore] = [0, false];
  for (let field = reader.next(); field !== 0; field = reader.next())
    if (field === 1) revision = readRevision(reader.bytes());
    else if (field === 2) kvs.push(readKeyValue(reader.bytes()));
    else if (field === 3) hasMore = reader.flag();
    else reader.skip();
  return { revision, kvs, hasMore };
}

/** What `readRangePage` reads of the values is not looked at. */
export function readRangeEnds(bytes: Uint8Array): RangeEnds {
  const reader = new MessageReader(bytes);
  let last: Uint8Array | null = null;
  let [revision, count, hasMore] = [0, 0, false];
  for (let field = reader.next(); field !== 0; field = reader.next())
    if (field === 1) revision = readRevision(reader.bytes());
    else if (field === 2) last = reader.bytes();
    else if (field === 3) hasMore = reader.flag();
    else if (field === 4) count = reader.number();
    else reader.skip();
  return { revision, count, lastKey: last === null ? "" : readKeyValue(last).key, hasMore };
}

export function readWatchAnswer(bytes: Uint8Array): WatchAnswer {
  const reader = new MessageReader(bytes);
  const events: WatchEvent[] = [];
  const answer = {
    revision: 0,
    watchId: 0 as number | null,
    isCreated: false,
    isCanceled: false,
    compactRevision: 0,
    cancelReason: "",
    isFragment: false,
  };
  for (let field = reader.next(); field !== 0; field = reader.next())
    switch (field) {
      case 1:
        answer.revision = readRevision(reader.bytes());
        break;
      case 2:
        answer.watchId = reader.id();
        break;
      case 3:
        answer.isCreated = reader.flag();
        break;
      case 4:
        answer.isCanceled = reader.flag();
        break;
      case 5:
        answer.compactRevision = reader.number();
        break;
      case 6:
        answer.cancelReason = reader.text();
        break;
      case 7:
        answer.isFragment = reader.flag();
        break;
      case 11:
        events.push(readEvent(reader.bytes()));
        break;
      default:
        reader.skip();
    }
  return { ...answer, events };
}

export function readToken(bytes: Uint8Array): string {
  return readTextField(bytes, 2);
}

/** `3.6.8` */
export function readVersion(bytes: Uint8Array): string {
  return readTextField(bytes, 2);
}

function readTextField(bytes: Uint8Array, wanted: number): string {
  const reader = new MessageReader(bytes);
  let text = "";
  for (let field = reader.next(); field !== 0; field = reader.next())
    if (field === wanted) text = reader.text();
    else reader.skip();
  return text;
}

function readRevision(bytes: Uint8Array): number {
  const reader = new MessageReader(bytes);
  let revision = 0;
  for (let field = reader.next(); field !== 0; field = reader.next())
    if (field === 3) revision = reader.number();
    else reader.skip();
  return revision;
}

function readEvent(bytes: Uint8Array): WatchEvent {
  const reader = new MessageReader(bytes);
  let op: WatchEvent["op"] = "put";
  let kv: KeyValue = { key: "", value: new Uint8Array(0), modRevision: 0 };
  for (let field = reader.next(); field !== 0; field = reader.next())
    if (field === 1) op = reader.number() === 1 ? "delete" : "put";
    else if (field === 2) kv = readKeyValue(reader.bytes());
    else reader.skip();
  return { op, kv };
}

function readKeyValue(bytes: Uint8Array): KeyValue {
  const reader = new MessageReader(bytes);
  let key = "";
  let value: Uint8Array = new Uint8Array(0);
  let modRevision = 0;
  for (let field = reader.next(); field !== 0; field = reader.next())
    if (field === 1) key = reader.text();
    else if (field === 3) modRevision = reader.number();
    else if (field === 5) value = reader.bytes();
    else reader.skip();
  return { key, value, modRevision };
}
