/**
 * Who speaks to an Origin in tests: the publisher of its cluster, and a reading relay; and a world
 * in which they have met.
 */
import type { EncodedChange } from "../../shared/record/encoding.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { HomeMessage, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import { Publisher } from "../../relay/publish/publisher.ts";
import { MemoryView } from "../../relay/view/memory-view.ts";
import type { ViewChange } from "../../relay/view/held-records.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import { nodeSql } from "./node-sql.ts";
import { address, pod, pool, putOf } from "./records.ts";
import { facts, ORIGIN_UID, OriginWorld, READER_UID } from "./origin-world.ts";

let starts = 0;

/** The publisher of the origin's cluster. */
export class TestPublisher {
  readonly local = new LocalState();
  readonly publisher: Publisher;
  readonly sent: Message[] = [];
  readonly world: OriginWorld;
  socket = "";
  access: string[] = [];
  term = 0;
  isStandby = false;
  readonly candidate = `start-${++starts}`;
  #nowMs = 0;

  constructor(world: OriginWorld) {
    this.world = world;
    this.publisher = new Publisher(this.local, {
      send: (message) => {
        this.sent.push(message);
        world.toOrigin(this.socket, message);
      },
      setTimer: () => undefined,
      now: () => (this.#nowMs += 1_000),
    });
  }

  /** @param isCandidate Stands by where another publishes. */
  connect(term = 0, keyGeneration = 1, isCandidate = false): void {
    this.publisher.onDisconnect();
    const peer: Peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration };
    this.socket = this.world.connect(peer, (message) => {
      if (message.type === "access") this.access.push(message.facts);
      if (message.type === "home-welcome") {
        this.isStandby = message.isStandby === true;
        if (this.isStandby) return;
        this.term = message.term;
      }
      this.publisher.onMessage(message as HomeMessage);
    });
    this.world.toOrigin(this.socket, {
      type: "home-hello",
      versions: PROTOCOL_VERSIONS,
      software: "test",
      accessVersion: 0,
      leaseUid: "",
      term,
      candidate: isCandidate ? this.candidate : null,
    });
    this.world.settle();
  }

  change(...changes: EncodedChange[]): void {
    this.publisher.onSource(changes);
    this.world.settle();
  }

  listed(): void {
    this.publisher.onListed();
    this.world.settle();
  }
}

/** A reading relay's view, in memory. */
export class TestReader {
  readonly views = new Map<Channel, MemoryView>(
    FELIX_CHANNELS.map((channel) => [channel, new MemoryView(channel)]),
  );
  readonly received: Message[] = [];
  readonly changes: ViewChange[] = [];
  readonly world: OriginWorld;
  socket = "";
  isPaused = false;
  #bytes = 0;
  /** The last one that came. */
  mark: number | null = null;

  constructor(world: OriginWorld) {
    this.world = world;
  }

  connect(
    options: {
      readonly peer?: Partial<Peer>;
      readonly creditBytes?: number;
      readonly accessVersion?: number;
      readonly versions?: readonly number[];
      /** Says nothing of where its views stand. */
      readonly hasForgotten?: boolean;
    } = {},
  ): void {
    this.#bytes = 0;
    this.mark = null;
    for (const view of this.views.values()) view.onConnect();
    const peer: Peer = { role: "watch", clusterUid: READER_UID, keyGeneration: 1, ...options.peer };
    this.socket = this.world.connect(peer, (message) => this.#take(message));
    this.world.toOrigin(this.socket, {
      type: "watch-hello",
      versions: options.versions ?? PROTOCOL_VERSIONS,
      software: "test",
      accessVersion: options.accessVersion ?? 0,
      creditBytes: options.creditBytes ?? LIMITS.defaultCreditBytes,
      channels: FELIX_CHANNELS,
      cursors: [...this.views.values()].flatMap((view) =>
        view.cursor === null || options.hasForgotten === true
          ? []
          : [{ channel: view.channel, ...view.cursor }],
      ),
    });
    this.world.settle();
  }

  /** Takes up acknowledging after a pause. */
  resume(): void {
    this.isPaused = false;
    this.acknowledge();
    this.world.settle();
  }

  acknowledge(): void {
    const view = this.views.get("identity") as MemoryView;
    this.world.toOrigin(this.socket, {
      type: "reader-ack",
      origin: 0,
      channel: "identity",
      ...view.acknowledged,
      receivedBytes: this.#bytes,
      mark: this.mark,
    });
  }

  keys(): string[] {
    return [...(this.views.get("identity") as MemoryView).records()]
      .map((held) => held.key)
      .toSorted();
  }

  ips(): string[] {
    const view = this.views.get("identity") as MemoryView;
    return [...view.records()]
      .flatMap(({ record }) => ("ips" in record ? record.ips : []))
      .toSorted();
  }

  get isInSync(): boolean {
    return [...this.views.values()].every((view) => view.health().isInSync);
  }

  count(type: Message["type"]): number {
    return this.received.filter((message) => message.type === type).length;
  }

  #take(message: Message): void {
    this.received.push(message);
    if (message.type === "mark") {
      this.mark = message.token;
      if (!this.isPaused) this.acknowledge();
    }
    if (!("channel" in message)) return;
    this.#bytes += encodeMessage(message).length;
    const view = this.views.get(message.channel) as MemoryView;
    const { changes, repair } = view.onMessage(message as WatchMessage);
    this.changes.push(...changes);
    if (repair)
      this.world.toOrigin(this.socket, {
        type: "repair",
        origin: 0,
        channel: view.channel,
        leaves: view.trie.leaves(),
      });
    if (!this.isPaused)
      this.world.toOrigin(this.socket, {
        type: "reader-ack",
        origin: 0,
        channel: view.channel,
        ...view.acknowledged,
        receivedBytes: this.#bytes,
        mark: this.mark,
      });
  }
}

/** A hub with a publisher of a pool and some pods, all reconciled, and a reader in sync. */
export function populatedWorld(count = 3, paceMs = 5) {
  const world = new OriginWorld(facts(), nodeSql(), paceMs);
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  for (let n = 0; n < count; n++) publisher.change(putOf(pod(`p${n}`, address(n))));
  publisher.listed();
  publisher.connect();
  const reader = new TestReader(world);
  reader.connect();
  world.advance(1_000);
  return { world, publisher, reader };
}
