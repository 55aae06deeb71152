/**
 * Blobs as they were made for a follower, for the others that are repaired too: all relays of a
 * cluster that may see another since a moment ask for the same. One bound holds for all that a
 * relay keeps, however many remotes are repaired at once. [FEE9]
 */
import { equalBytes } from "../../shared/lib/bytes.ts";
import type { Partition } from "../../shared/log/partition.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import type { Blob } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { ConfirmedChannel } from "../view/confirmed.ts";

/**
 * Of payloads that a relay keeps: 100,000 endpoints have about 2 MB. Followers are sent the same
 * blobs at about the same time, so that less than all of them does.
 */
export const KEPT_BYTES = 16 * 1024 * 1024;
/** The wire between two nodes is no reason to hold up everything else of this relay. */
const LEVEL = 1;

interface Made {
  /** Of what the payload has. */
  readonly digest: Uint8Array;
  readonly payload: Uint8Array;
  /** Takes it from whose it is. */
  readonly letGo: () => void;
}

/** What the channels of one relay keep together, oldest first. */
export class BlobRoom {
  readonly #most: number;
  readonly #made = new Set<Made>();
  #bytes = 0;

  constructor(most: number = KEPT_BYTES) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(made: Made): void {
    this.#made.add(made);
    this.#bytes += made.payload.length;
    for (const oldest of this.#made) {
      if (this.#bytes <= this.#most) break;
      this.remove(oldest);
      oldest.letGo();
    }
  }

  remove(made: Made): void {
    if (this.#made.delete(made)) this.#bytes -= made.payload.length;
  }
}

/** Those of one channel. */
export class MadeBlobs {
  readonly #room: BlobRoom;
  /** By partition. */
  readonly #made = new Map<string, Made>();
  /** By payload: what was sent of it last. */
  readonly #messages = new WeakMap<Uint8Array, Blob>();

  constructor(room: BlobRoom) {
    this.#room = room;
  }

  /** A partition's payload as a message; the same one for all who are sent it at one revision. */
  message(
    confirmed: ConfirmedChannel,
    at: Partition & { readonly channel: Channel; readonly revision: number },
  ): Blob {
    const { bits, prefix, channel, revision } = at;
    const payload = this.payload(confirmed, { bits, prefix });
    const before = this.#messages.get(payload);
    if (before?.revision === revision) return before;
    const message: Blob = { type: "blob", origin: 0, channel, bits, prefix, revision, payload };
    this.#messages.set(payload, message);
    return message;
  }

  /** All records of a partition, as a payload. */
  payload(confirmed: ConfirmedChannel, partition: Partition): Uint8Array {
    const id = `${partition.bits}/${partition.prefix}`;
    const digest = confirmed.trie.digestAt(partition);
    const before = this.#made.get(id);
    if (before !== undefined && digest !== null && equalBytes(before.digest, digest))
      return before.payload;
    const changes = [...confirmed.bytesOf(partition)].map((bytes) => ({
      op: "put" as const,
      bytes,
    }));
    const payload = encodePayload(changes, LEVEL);
    if (before !== undefined) this.#room.remove(before);
    this.#made.delete(id);
    if (digest === null) return payload;
    const made = { digest, payload, letGo: () => void this.#made.delete(id) };
    this.#made.set(id, made);
    this.#room.add(made);
    return payload;
  }

  /** Nobody is repaired. */
  clear(): void {
    for (const made of this.#made.values()) this.#room.remove(made);
    this.#made.clear();
  }
}
