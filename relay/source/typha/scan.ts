/** The key/values of a `MsgKVs`, read from its bytes. */
import { KvsScanner, UnusualUpdate } from "../../typha/wire/kvs-scan.ts";
import type { RawKvs } from "../../typha/wire/typha-reader.ts";

export interface ScannedKeyValue {
  readonly key: string;
  /**
   * `null` where it is absent: the key is gone, or its value failed Calico's validation, which is
   * the same.
   */
  readonly value: Uint8Array | null;
}

/**
 * An element that the scanner does not know has the message decoded after all; what came before it
 * is told again.
 */
export function* scanned(kvs: RawKvs): Generator<ScannedKeyValue> {
  try {
    yield* scan(kvs);
  } catch (error) {
    if (!(error instanceof UnusualUpdate)) throw error;
    yield* scan(kvs.decoded());
  }
}

function* scan({ bytes, from }: RawKvs): Generator<ScannedKeyValue> {
  const scanner = new KvsScanner(bytes, from);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  while (scanner.next()) {
    const { keyStart, keyEnd, valueStart, valueEnd } = scanner.update;
    // An empty value is an absent one: gob does not tell them apart.
    const value = valueStart === valueEnd ? null : bytes.subarray(valueStart, valueEnd);
    yield { key: text.toString("utf8", keyStart, keyEnd), value };
  }
}
