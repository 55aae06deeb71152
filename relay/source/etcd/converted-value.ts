/** A value of etcd, converted and encoded: what is left of it for the source's own thread. */
import { encodeChecked } from "../../../shared/record/encoding.ts";
import { encodeConversion } from "../encoded-conversion.ts";
import type { EncodedConversion } from "../encoded-conversion.ts";
import { convertKeyValue, idOf } from "./etcd-keys.ts";
import type { EtcdCollection } from "./etcd-keys.ts";
import { readRangePage } from "./messages.ts";
import type { KeyValue } from "./messages.ts";

export interface ConvertedValue extends EncodedConversion {
  /** How problems call it. */
  readonly id: string;
}

/** Total: what does not parse costs itself. */
export function convertValue(collection: EtcdCollection, { key, value }: KeyValue): ConvertedValue {
  const conversion = convertKeyValue(collection, key, value);
  const { encoded, problems } = encodeConversion(conversion, encodeChecked, "value");
  return { id: idOf(collection, key), encoded, problems };
}

/** All of a page, each when it is asked for. @throws MalformedMessage before the first. */
export function convertPage(
  collection: EtcdCollection,
  message: Uint8Array,
): Iterable<ConvertedValue> {
  return eachConverted(collection, readRangePage(message).kvs);
}

function* eachConverted(
  collection: EtcdCollection,
  kvs: readonly KeyValue[],
): Generator<ConvertedValue> {
  for (const kv of kvs) yield convertValue(collection, kv);
}
