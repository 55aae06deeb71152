/**
 * A relay that others follow: gives them on what comes on its own sockets to the hub, unchanged,
 * and answers for the hub from its own view. It hears each message after its own view has applied
 * it. [FEE3] [FEE5]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { pickVersion } from "../../shared/protocol/version.ts";
import { mergedEdges } from "../../shared/visibility/merged-edges.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import { parseEdgeReports } from "../../shared/visibility/parse-reports.ts";
import type { FeedFrame, FeedPipe, FeedPipeHandlers } from "./frames.ts";
import { FedOrigin } from "./fed-origin.ts";
import type { FeederPorts } from "./feeder-ports.ts";
import { BlobRoom } from "./made-blobs.ts";
import { answerOf, statusOf } from "./follower.ts";
import type { Follower, FollowerStatus, Stream } from "./follower.ts";
import { WatchStream } from "./watch-stream.ts";

export const HOME = "home";
const REPAIRED = "the relay that feeds this one is repaired itself";
/** A follower that takes what it is sent has room again by then. */
const ROOM_MS = 20;
/** Streams of one follower: home, and as many remotes as a cluster may have. */
const MAX_STREAMS = 1_001;

export class Feeder {
  readonly #ports: FeederPorts;
  readonly #followers = new Set<Follower>();
  readonly #origins = new Map<string, FedOrigin>();
  readonly #blobRoom = new BlobRoom();
  #goesOnSoon = false;
  /** Most messages go to all followers, and are encoded once. */
  readonly #encoded = new WeakMap<Message, Uint8Array>();

  constructor(ports: FeederPorts) {
    this.#ports = ports;
  }

  /** @param name For people. */
  accept(name: string, pipe: FeedPipe): FeedPipeHandlers {
    const follower: Follower = { name, pipe, streams: new Map(), edges: [] };
    this.#followers.add(follower);
    pipe.send({ type: "state", ...this.#ports.state() });
    this.#tellFacts(follower);
    return {
      onFrame: (frame) => this.#received(follower, frame),
      onClosed: () => {
        this.#followers.delete(follower);
        if (follower.edges.length > 0) this.#ports.onReports();
      },
    };
  }

  /** Of the followers, and of this relay. */
  merged(own: readonly EdgeReport[]): readonly EdgeReport[] {
    const theirs = [...this.#followers].map(({ edges }) => edges);
    return mergedEdges([own, ...theirs.filter((edges) => edges.length > 0)]);
  }

  status(): FollowerStatus[] {
    return [...this.#followers].map(statusOf);
  }

  /** Says whether this relay can be followed; it feeds no more: nobody is kept. */
  tellState(): void {
    const state = this.#ports.state();
    for (const follower of this.#followers) {
      follower.pipe.send({ type: "state", ...state });
      if (!state.feeds)
        for (const [id, stream] of follower.streams)
          this.#close(follower, id, stream, null, "this relay follows others now");
    }
  }

  /** Newer facts hold for this relay. */
  onFacts(): void {
    for (const follower of this.#followers) {
      this.#tellFacts(follower);
      for (const { watch } of follower.streams.values()) watch?.onFacts();
    }
  }

  onOpen(target: string): void {
    for (const [follower, id, stream] of this.#streams(target)) this.#open(follower, id, stream);
    if (target === HOME) this.tellState();
  }

  /** This relay's own socket is lost, or (`isOver`) is not wanted any more. */
  onDown(target: string, isOver: boolean): void {
    const origin = this.#origins.get(target);
    if (isOver) {
      origin?.onAllRepaired();
      this.#origins.delete(target);
    } else origin?.onDown();
    this.#closeAll(target, "the relay that feeds this one has lost its connection to the hub");
    if (target === HOME) this.tellState();
  }

  onMessage(target: string, message: Message): void {
    this.#passHeads(target);
    const view = this.#ports.view(target);
    if (target === HOME || view === null || !("channel" in message)) return;
    const origin = this.#originOf(target);
    const told = origin.onMessage(message, view.health(message.channel));
    if (told.isReset) {
      this.#closeAll(target, REPAIRED);
      return;
    }
    for (const [, , { watch }] of this.#streams(target)) {
      if (told.tail !== null) watch?.onTail(told.tail.message, told.tail.cursor);
      if (told.checkpoint !== null) watch?.onCheckpoint(told.checkpoint, told.tail !== null);
      // Who was further than this relay may continue here now.
      watch?.goOn();
    }
    this.#rotate();
  }

  #passHeads(target: string): void {
    for (const [follower, id, stream] of this.#streams(target)) {
      const heads = answerOf(stream, () => this.#ports.ask(target));
      if (heads !== null) this.#send(follower, id, heads);
    }
  }

  /** Who was told first is told last the next time: to tell 98 takes 3 ms. [FEE10] */
  #rotate(): void {
    const [first] = this.#followers;
    if (first === undefined) return;
    this.#followers.delete(first);
    this.#followers.add(first);
  }

  /** This relay's own view has asked the hub for a repair. */
  onRepairAsked(target: string, channel: Channel): void {
    const log = this.#origins.get(target)?.log(channel);
    if (log === undefined || log.head === null) return;
    log.onReset();
    this.#closeAll(target, REPAIRED);
  }

  /** Who had no room may have some. */
  onTick(): void {
    this.#goOn();
    for (const [target, origin] of this.#origins) {
      const streams = [...this.#streams(target)];
      if (!streams.some(([, , { watch }]) => watch?.isRepairing)) origin.onAllRepaired();
    }
  }

  #goOn(): void {
    for (const { streams } of this.#followers)
      for (const { watch } of streams.values()) watch?.goOn();
  }

  /** In turns: sending a large view to many followers takes seconds. [FEE9] */
  #goOnSoon(hasRoom: boolean): void {
    if (this.#goesOnSoon) return;
    this.#goesOnSoon = true;
    this.#ports.after(hasRoom ? 0 : ROOM_MS, () => {
      this.#goesOnSoon = false;
      this.#goOn();
    });
  }

  #originOf(uid: string): FedOrigin {
    const known = this.#origins.get(uid) ?? new FedOrigin(this.#blobRoom);
    this.#origins.set(uid, known);
    return known;
  }

  *#streams(target: string): Generator<readonly [Follower, number, Stream]> {
    for (const follower of this.#followers)
      for (const [id, stream] of follower.streams)
        if (stream.target === target) yield [follower, id, stream];
  }

  #tellFacts({ pipe }: Follower): void {
    const facts = this.#ports.facts();
    if (facts !== null) pipe.send({ type: "facts", facts: facts.text });
  }

  #received(follower: Follower, frame: FeedFrame): void {
    if (frame.type === "open") {
      if (follower.streams.size >= MAX_STREAMS || follower.streams.has(frame.stream))
        return follower.pipe.close();
      const stream: Stream = { target: frame.target, isOpened: false, watch: null, asked: null };
      follower.streams.set(frame.stream, stream);
      if (this.#ports.state().feeds && this.#ports.isOpen(frame.target))
        this.#open(follower, frame.stream, stream);
      return;
    }
    if (frame.type === "closed") {
      this.#forgetReports(follower, follower.streams.get(frame.stream));
      follower.streams.delete(frame.stream);
      return;
    }
    if (frame.type !== "message") return;
    const stream = follower.streams.get(frame.stream);
    // Closed by this side meanwhile.
    if (stream?.isOpened !== true) return;
    this.#onMessageOf(follower, frame.stream, stream, frame.bytes);
  }

  #onMessageOf(follower: Follower, id: number, stream: Stream, bytes: Uint8Array): void {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return this.#close(follower, id, stream, "protocol-error", decoded.rule);
    const { message } = decoded;
    try {
      if (message.type === "ask-heads") {
        stream.asked = { token: message.token, question: this.#ports.ask(stream.target) };
      } else if (stream.watch !== null) stream.watch.onFollower(message);
      else this.#onHome(follower, id, message);
    } catch (error) {
      this.#close(follower, id, stream, null, errorText(error));
    }
  }

  #onHome(follower: Follower, id: number, message: Message): void {
    if (message.type === "home-hello") {
      const version = pickVersion(message.versions) ?? 1;
      const welcome = { type: "home-welcome", version, term: 0, paceMs: 1_000 } as const;
      this.#send(follower, id, { ...welcome, channels: [], isStandby: true });
      this.#tellFacts(follower);
    } else if (message.type === "report") {
      const edges = parseEdgeReports(message.edges);
      if (!edges.ok) return;
      follower.edges = edges.value;
      this.#ports.onReports();
    }
  }

  #open(follower: Follower, id: number, stream: Stream): void {
    if (stream.isOpened) return;
    stream.isOpened = true;
    follower.pipe.send({ type: "opened", stream: id });
    if (stream.target === HOME) return;
    const origin = this.#originOf(stream.target);
    const ports = this.#ports;
    stream.watch = new WatchStream(stream.target, {
      log: (channel) => origin.log(channel),
      confirmed: (channel) => ports.view(stream.target)?.confirmed(channel) ?? null,
      blobs: (channel) => origin.blobs(channel),
      accessVersion: () => ports.facts()?.accessVersion ?? 0,
      send: (message) => this.#send(follower, id, message),
      close: (message) => this.#close(follower, id, stream, "protocol-error", message),
      onMore: (hasRoom) => this.#goOnSoon(hasRoom),
      get backlogBytes() {
        return follower.pipe.backlogBytes;
      },
    });
  }

  #closeAll(target: string, message: string): void {
    for (const [follower, id, stream] of this.#streams(target))
      if (stream.isOpened) this.#close(follower, id, stream, null, message);
  }

  #close(
    follower: Follower,
    id: number,
    stream: Stream,
    reason: CloseReason | null,
    message: string,
  ): void {
    stream.isOpened = false;
    stream.watch = null;
    follower.streams.delete(id);
    follower.pipe.send({ type: "closed", stream: id, reason, message });
    this.#forgetReports(follower, stream);
  }

  /** It reports elsewhere from now on. */
  #forgetReports(follower: Follower, stream: Stream | undefined): void {
    if (stream?.target !== HOME || follower.edges.length === 0) return;
    follower.edges = [];
    this.#ports.onReports();
  }

  #send({ pipe }: Follower, stream: number, message: Message): void {
    const bytes = this.#encoded.get(message) ?? encodeMessage(message);
    this.#encoded.set(message, bytes);
    pipe.send({ type: "message", stream, bytes });
  }
}
