/**
 * A publisher and a reader of an Origin that keep nothing but positions: the memory of what is
 * measured is the Origin's.
 */
import { encodeMessage } from "../../shared/protocol/codec.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { nextChain } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { PartitionDigest } from "../../shared/log/partition.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import type { Difference, Message } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { PAIR_BYTES } from "../../shared/log/trie-leaf.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { ORIGIN_UID, READER_UID } from "../support/origin-world.ts";
import type { OriginWorld } from "../support/origin-world.ts";
import { put } from "../support/records.ts";

/** As a relay's. */
const FRAME_CHANGES = 400;
const FRAME_BYTES = 512 * 1024;
const LONGEST_MS = 600_000;

export class SlicesPublisher {
  readonly #world: OriginWorld;
  #socket = "";
  #underWay = 0;
  #frames: Iterator<readonly LogChange[]> = [].values();
  #channel: Channel = "identity";
  /** Pairs that the hub told of what differs, and whether it has told all. */
  differences = 0;
  isAnswered = false;

  constructor(world: OriginWorld) {
    this.#world = world;
  }

  connect(): void {
    this.#underWay = 0;
    const peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration: 1 } as const;
    this.#socket = this.#world.connect(peer, (message) => {
      if (message.type === "difference") this.#count(message);
      if (message.type !== "accepted") return;
      this.#underWay--;
      this.#send();
    });
    this.#say({
      type: "home-hello",
      versions: PROTOCOL_VERSIONS,
      software: "bench",
      accessVersion: 0,
      leaseUid: "",
      term: 0,
      candidate: null,
    });
    this.#world.settle();
  }

  disconnect(): void {
    this.#world.disconnect(this.#socket);
  }

  /** Publishes all of them, two frames under way, as a relay does. */
  publish(records: Iterable<CalicoRecord>, channel: Channel = "identity"): void {
    this.#channel = channel;
    this.#frames = framesOf(records);
    this.#send();
    this.#world.advance(0);
    for (let waitedMs = 0; this.#underWay > 0; waitedMs += 5) {
      if (waitedMs > LONGEST_MS) throw new Error("BUG: frames are not acknowledged");
      this.#world.advance(5);
    }
  }

  reconciled(): void {
    for (const channel of FELIX_CHANNELS) this.#say({ type: "reconciled", channel });
    this.#world.settle();
  }

  reconcile(leaves: readonly PartitionDigest[]): void {
    this.#say({ type: "reconcile", channel: "identity", leaves });
    this.#world.settle();
  }

  #count({ pairs, isLast }: Difference): void {
    this.differences += pairs.length / PAIR_BYTES;
    this.isAnswered = isLast;
  }

  #send(): void {
    while (this.#underWay < LIMITS.unacknowledgedFrames) {
      const next = this.#frames.next();
      if (next.done === true) return;
      this.#underWay++;
      const payload = encodePayload(next.value);
      this.#say({ type: "publish", channel: this.#channel, sequence: 1, payload });
    }
  }

  #say(message: Message): void {
    this.#world.toOrigin(this.#socket, message);
  }
}

function* framesOf(records: Iterable<CalicoRecord>): Generator<readonly LogChange[]> {
  let [frame, bytes]: [LogChange[], number] = [[], 0];
  for (const record of records) {
    const change = put(record);
    if (frame.length === FRAME_CHANGES || bytes + change.bytes.length > FRAME_BYTES) {
      yield frame;
      [frame, bytes] = [[], 0];
    }
    frame.push(change);
    bytes += change.bytes.length;
  }
  if (frame.length > 0) yield frame;
}

export class SlicesReader {
  readonly #world: OriginWorld;
  #socket = "";
  #cursor: Cursor | null = null;
  #received = 0;
  #mark: number | null = null;
  #leaves: readonly PartitionDigest[] = [];
  /** Checkpoints of the present connection: it has everything with the first. */
  checkpoints = 0;

  constructor(world: OriginWorld) {
    this.#world = world;
  }

  /**
   * @param leaves What it says that it has, where it has to. Without them it goes on from where it
   *   was.
   */
  connect(leaves: readonly PartitionDigest[] | null): void {
    this.#received = 0;
    this.checkpoints = 0;
    this.#leaves = leaves ?? new HashTrie().leaves();
    const cursor = leaves === null ? this.#cursor : null;
    const peer = { role: "watch", clusterUid: READER_UID, keyGeneration: 1 } as const;
    this.#socket = this.#world.connect(peer, (message) => this.#take(message));
    this.#say({
      type: "watch-hello",
      versions: PROTOCOL_VERSIONS,
      software: "bench",
      accessVersion: 0,
      creditBytes: LIMITS.defaultCreditBytes,
      channels: ["identity"],
      cursors: cursor === null ? [] : [{ channel: "identity", ...cursor }],
    });
    this.#world.settle();
  }

  disconnect(): void {
    this.#world.disconnect(this.#socket);
  }

  #take(message: Message): void {
    this.#received += encodeMessage(message).length;
    if (message.type === "mark") this.#mark = message.token;
    if (message.type === "repair-needed") {
      const { epoch } = message;
      this.#cursor = { epoch, revision: 0, chain: new Uint8Array(16) };
      this.#say({ type: "repair", origin: 0, channel: "identity", leaves: this.#leaves });
    }
    const known = this.#cursor;
    if (message.type === "checkpoint") this.checkpoints++;
    if (message.type === "frame" && message.settled !== null) this.checkpoints++;
    if (known !== null && message.type === "repair-plan")
      this.#cursor = { ...known, revision: message.after, chain: message.chain };
    if (known !== null && message.type === "catch-up")
      this.#cursor = { ...known, revision: message.revision, chain: message.chain };
    if (known !== null && message.type === "frame") {
      const { previous, revision, payload } = message;
      this.#cursor = { ...known, revision, chain: nextChain(previous, revision, payload) };
    }
    if (this.#cursor === null) return;
    const { revision, chain } = this.#cursor;
    this.#say({
      type: "reader-ack",
      origin: 0,
      channel: "identity",
      revision,
      chain,
      receivedBytes: this.#received,
      mark: this.#mark,
    });
  }

  #say(message: Message): void {
    this.#world.toOrigin(this.#socket, message);
  }
}
