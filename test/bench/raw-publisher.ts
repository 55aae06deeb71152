/**
 * A publisher that sends frames made beforehand, as fast as the hub acknowledges them: the hub is
 * what is measured.
 */
import WebSocket from "ws";

import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { HomeMessage } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import type { Channel } from "../../shared/record/channel.ts";

/**
 * A relay has two, and puts more into each instead; here the hub is to be kept busy whatever a
 * frame holds.
 */
const FRAMES_UNDER_WAY = 64;

export class RawPublisher {
  readonly #socket: WebSocket;
  #sequence = 0;
  #underWay = 0;
  #acknowledged: () => void = () => undefined;
  /** Refused by admission. */
  refused = 0;
  /** As the hub named it last. */
  paceMs = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const decoded = decodeMessage(data);
      const message = decoded.ok ? (decoded.message as HomeMessage) : null;
      if (message?.type !== "accepted") return;
      this.refused += message.refused;
      this.paceMs = message.paceMs;
      this.#underWay--;
      this.#acknowledged();
    });
  }

  /** Resolves when the hub has welcomed it. */
  static async connect(
    url: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<RawPublisher> {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const publisher = new RawPublisher(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.once("message", () => resolve());
      socket.on("open", () =>
        socket.send(
          encodeMessage({
            type: "home-hello",
            versions: PROTOCOL_VERSIONS,
            software: "bench",
            accessVersion: 0,
            leaseUid: "",
            term: 0,
            candidate: null,
          }),
        ),
      );
    });
    return publisher;
  }

  /** Frames that are not acknowledged. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves when few enough frames are under way. */
  async send(channel: Channel, payload: Uint8Array): Promise<void> {
    while (this.#underWay >= FRAMES_UNDER_WAY) await this.#nextAck();
    this.#underWay++;
    const sequence = ++this.#sequence;
    this.#socket.send(encodeMessage({ type: "publish", channel, sequence, payload }));
  }

  async drain(): Promise<void> {
    while (this.#underWay > 0) await this.#nextAck();
  }

  reconciled(channel: Channel): void {
    this.#socket.send(encodeMessage({ type: "reconciled", channel }));
  }

  close(): void {
    this.#socket.terminate();
  }

  #nextAck(): Promise<void> {
    return new Promise((resolve) => {
      this.#acknowledged = resolve;
    });
  }
}
