/**
 * One member that says whatever comes to its mind, over one socket after another. Each message is
 * followed by a heartbeat, whose answer shows that the hub has read it: what was sent into a closed
 * socket does not count.
 */
import WebSocket from "ws";

import { encodeMessage } from "../../shared/protocol/codec.ts";
import { PING_TEXT } from "../../shared/protocol/messages.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { Credentials } from "../../relay/hub/credentials.ts";
import type { Random } from "../fuzz/random.ts";
import { mutate } from "./mutate.ts";
import { sample, TYPES } from "./samples.ts";

/** Broken messages cost a member its share of the thread: most are sound but odd. */
const BROKEN_SHARE = 0.12;
/** Sockets that say no hello first. */
const RUDE_SHARE = 0.1;
const PER_SOCKET = 60;
/** After a socket was closed: what the next one says would only wait. */
const PAUSE_MS = 600;

export class Fuzzer {
  readonly #hub: string;
  readonly #credentials: Credentials;
  readonly #random: Random;
  /** Messages that the hub has read, by type. */
  readonly taken = new Map<Message["type"], number>();
  sockets = 0;
  refusedDials = 0;
  readonly codes = new Map<number, number>();

  constructor(hub: string, credentials: Credentials, random: Random) {
    this.#hub = hub.replace(/^http/, "ws");
    this.#credentials = credentials;
    this.#random = random;
  }

  /** @param isOver Asked before each message. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#oneSocket(isOver);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #oneSocket(isOver: () => boolean): Promise<void> {
    const random = this.#random;
    const role = random.chance(0.6) ? "home" : "watch";
    const uid = this.#credentials.membership?.cluster.uid ?? "";
    const path = role === "home" ? "home" : `watch/${uid}`;
    const headers = await this.#credentials.headers();
    const url = `${this.#hub}/v1/connect/${path}`;
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const ended = new Promise<"closed">((resolve) => socket.once("close", () => resolve("closed")));
    socket.on("close", (code) => this.codes.set(code, (this.codes.get(code) ?? 0) + 1));
    const opened = await new Promise<boolean>((resolve) => {
      socket.once("open", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.on("error", () => undefined);
    if (!opened) {
      this.refusedDials++;
      return;
    }
    this.sockets++;
    if (!random.chance(RUDE_SHARE)) socket.send(encodeMessage(sample(`${role}-hello`, random)));
    for (let n = 0; n < PER_SOCKET && !isOver(); n++) {
      const type = random.pick(TYPES);
      const sound = encodeMessage(sample(type, random));
      socket.send(random.chance(BROKEN_SHARE) ? mutate(sound, random) : sound);
      const answer = await Promise.race([this.#heartbeat(socket), ended]);
      this.taken.set(type, (this.taken.get(type) ?? 0) + 1);
      if (answer === "closed") break;
    }
    socket.terminate();
  }

  #heartbeat(socket: WebSocket): Promise<"alive"> {
    return new Promise((resolve) => {
      const onMessage = (_: unknown, isBinary: boolean): void => {
        if (isBinary) return;
        socket.off("message", onMessage);
        resolve("alive");
      };
      socket.on("message", onMessage);
      socket.send(PING_TEXT);
    });
  }
}
