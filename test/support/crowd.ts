/**
 * Who is connected to a crowded hub: quiet clusters with their publishers, readers that take
 * everything in, and one that publishes without end.
 */
import { LocalState } from "../../relay/publish/local-state.ts";
import { Publisher } from "../../relay/publish/publisher.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { HomeHello, HomeMessage, Message } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { CrowdedHub, HostedOrigin } from "./crowded-hub.ts";
import type { Us } from "./one-thread.ts";
import { pool, put, putOf } from "./records.ts";

const EMPTY = new HashTrie().leaves();
const HELLO: HomeHello = {
  type: "home-hello",
  versions: PROTOCOL_VERSIONS,
  software: "test",
  accessVersion: 0,
  leaseUid: "",
  term: 0,
  candidate: null,
};

/** A cluster with a relay's own publisher. */
export class QuietCluster {
  readonly publisher: Publisher;

  constructor(
    hub: CrowdedHub,
    origin: HostedOrigin,
    uid: string,
    records: readonly CalicoRecord[],
  ) {
    const { thread } = hub;
    let isTimerSet = false;
    this.publisher = new Publisher(new LocalState(), {
      send: (message) => origin.send(socket, message as Message),
      setTimer: (delayMs) => {
        if (isTimerSet) return;
        isTimerSet = true;
        thread.after(delayMs * 1000, () => {
          isTimerSet = false;
          this.publisher.onTimer();
        });
      },
      now: () => thread.nowUs / 1000,
    });
    this.publisher.onSource(records.map((record) => putOf(record)));
    this.publisher.onListed();
    const socket = origin.connect({
      peer: { role: "home", clusterUid: uid, keyGeneration: 1 },
      onMessage: (message) => this.publisher.onMessage(message as HomeMessage),
    });
    origin.send(socket, HELLO);
  }

  change(record: CalicoRecord): void {
    this.publisher.onSource([putOf(record)]);
  }
}

/** A relay that reads: takes in what comes, and says so as real ones do. */
export function connectReader(origin: HostedOrigin, clusterUid: string): void {
  let received = 0;
  let mark: number | null = null;
  const socket = origin.connect({
    peer: { role: "watch", clusterUid, keyGeneration: 1 },
    onMessage: (message, bytes) => {
      received += bytes;
      if (message.type === "repair-needed")
        origin.send(socket, {
          type: "repair",
          origin: 0,
          channel: message.channel,
          leaves: EMPTY,
        });
      if (message.type !== "mark") return;
      mark = message.token;
      origin.send(socket, {
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        revision: 0,
        chain: new Uint8Array(16),
        receivedBytes: received,
        mark,
      });
    },
  });
  origin.send(socket, {
    type: "watch-hello",
    versions: PROTOCOL_VERSIONS,
    software: "test",
    accessVersion: 0,
    creditBytes: LIMITS.defaultCreditBytes,
    channels: FELIX_CHANNELS,
    cursors: [],
  });
}

export interface Noise {
  /** The payload of its n-th frame. */
  frame(n: number): Uint8Array;
  /** Frames that it has under way; `null`: as many as the wire takes, whatever is acknowledged. */
  readonly underWay: number | null;
}

/** Frames on the wire that the hub has not read, and what a link of 1 Gbit/s needs for a byte. */
const ON_THE_WIRE = 8;
const BYTE_US = 0.008;

/** A publisher that sends as much as the hub takes, and comes back at once when it is closed. */
export class NoisyCluster {
  readonly #hub: CrowdedHub;
  readonly #origin: HostedOrigin;
  readonly #uid: string;
  readonly #noise: Noise;
  #socket = "";
  #sent = 0;
  #sequence = 0;
  #underWay = 0;
  #linkFreeUs: Us = 0;
  /** Frames that the hub has acknowledged. */
  accepted = 0;
  /** Why the hub has closed it. */
  readonly closed: string[] = [];

  constructor(hub: CrowdedHub, origin: HostedOrigin, uid: string, noise: Noise) {
    this.#hub = hub;
    this.#origin = origin;
    this.#uid = uid;
    this.#noise = noise;
  }

  start(): void {
    this.#sequence = this.#underWay = 0;
    // What was not acknowledged is sent again.
    this.#sent = this.accepted;
    let hasBegun = false;
    const { underWay } = this.#noise;
    const socket = this.#origin.connect({
      peer: { role: "home", clusterUid: this.#uid, keyGeneration: 1 },
      onMessage: (message) => {
        if (message.type === "home-welcome") {
          hasBegun = true;
          this.#begin();
        }
        if (message.type !== "accepted") return;
        if (message.channel === "identity") this.accepted++;
        this.#underWay--;
        if (underWay !== null) this.#fill(underWay);
      },
      onTaken: () => {
        if (hasBegun && underWay === null) this.#publishByLink();
      },
      onClosed: (reason, message) => {
        this.closed.push(`${reason}: ${message}`);
        this.start();
      },
    });
    this.#socket = socket;
    this.#origin.send(socket, HELLO);
  }

  stop(): void {
    this.#origin.disconnect(this.#socket);
    this.#socket = "";
  }

  #begin(): void {
    this.#send("pools", encodePayload([put(pool("10.0.0.0/8"))]));
    const { underWay } = this.#noise;
    if (underWay !== null) this.#fill(underWay);
    else for (let n = 0; n < ON_THE_WIRE; n++) this.#publishByLink();
  }

  #fill(most: number): void {
    while (this.#underWay < most) this.#send("identity", this.#noise.frame(this.#sent++));
  }

  /** One frame after the other, whatever is acknowledged. */
  #publishByLink(): void {
    const { thread } = this.#hub;
    const socket = this.#socket;
    const payload = this.#noise.frame(this.#sent++);
    this.#linkFreeUs = Math.max(this.#linkFreeUs, thread.nowUs) + payload.length * BYTE_US;
    thread.after(this.#linkFreeUs - thread.nowUs, () => {
      if (this.#socket === socket) this.#send("identity", payload);
    });
  }

  #send(channel: Channel, payload: Uint8Array): void {
    this.#underWay++;
    const sequence = ++this.#sequence;
    this.#origin.send(this.#socket, { type: "publish", channel, sequence, payload });
  }
}
