/**
 * Blobs of one channel as they were made for a follower, for the others that are repaired too: all
 * relays of a cluster that may see another since a moment ask for the same. [FEE9]
 */
import { equalBytes } from "../../shared/lib/bytes.ts";
import type { Partition } from "../../shared/log/partition.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import type { ConfirmedChannel } from "../view/confirmed.ts";

/** Of payloads that are kept: 100,000 endpoints have about 2 MB. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** The wire between two nodes is no reason to hold up everything else of this relay. */
const LEVEL = 1;

export class MadeBlobs {
  /** By partition, oldest first; the digest is that of what the payload has. */
  readonly #made = new Map<string, { readonly digest: Uint8Array; readonly payload: Uint8Array }>();
  #bytes = 0;

  /** All records of a partition, as a payload. */
  payload(confirmed: ConfirmedChannel, partition: Partition): Uint8Array {
    const id = `${partition.bits}/${partition.prefix}`;
    const digest = confirmed.trie.digestAt(partition);
    const made = this.#made.get(id);
    if (made !== undefined && digest !== null && equalBytes(made.digest, digest))
      return made.payload;
    const changes = [...confirmed.bytesOf(partition)].map((bytes) => ({
      op: "put" as const,
      bytes,
    }));
    const payload = encodePayload(changes, LEVEL);
    this.#forget(id);
    if (digest === null) return payload;
    this.#made.set(id, { digest, payload });
    this.#bytes += payload.length;
    for (const oldest of this.#made.keys()) {
      if (this.#bytes <= KEPT_BYTES) break;
      this.#forget(oldest);
    }
    return payload;
  }

  /** Nobody is repaired. */
  clear(): void {
    this.#made.clear();
    this.#bytes = 0;
  }

  #forget(id: string): void {
    this.#bytes -= this.#made.get(id)?.payload.length ?? 0;
    this.#made.delete(id);
  }
}
