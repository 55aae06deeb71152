/**
 * The cluster's other relays, to this one: gives them what it has, and asks them for what it lacks.
 * Wires, and decides nothing.
 */
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { RelayConfig } from "../config/relay-config.ts";
import type { Credentials } from "../hub/credentials.ts";
import type { Logger } from "../lib/log.ts";
import { splitHostPort } from "../lib/host-port.ts";
import { askAll } from "./ask-all.ts";
import type { PeerReport } from "./ask-all.ts";
import type { PeerFeedNet } from "./feed-net.ts";
import { peerFinder } from "./find-peers.ts";
import { peerCertificate } from "./handshake.ts";
import { PEER_LIMITS } from "./limits.ts";
import { PeerServer } from "./server.ts";
import type { Offer } from "./offer.ts";

export class Peers {
  readonly #config: RelayConfig;
  readonly #credentials: Credentials;
  readonly #log: Logger;
  readonly #net: PeerFeedNet | null;
  readonly #server: PeerServer | null;
  readonly #abort = new AbortController();
  #report: PeerReport | null = null;

  /** @returns `null` when the options say nothing of other relays. */
  static of(
    config: RelayConfig,
    credentials: Credentials,
    offer: Offer,
    net: PeerFeedNet | null,
    log: Logger,
  ): Peers | null {
    const { peers, peersService, peersListen } = config;
    return peers === undefined && peersService === undefined && peersListen === undefined
      ? null
      : new Peers(config, credentials, offer, net, log);
  }

  private constructor(
    config: RelayConfig,
    credentials: Credentials,
    offer: Offer,
    net: PeerFeedNet | null,
    log: Logger,
  ) {
    this.#net = net;
    this.#config = config;
    this.#credentials = credentials;
    this.#log = log;
    this.#server =
      config.peersListen === undefined
        ? null
        : new PeerServer(peerCertificate(credentials.privateKey), offer, log);
  }

  /** The report of asking; `null` when nobody was asked (yet). */
  get report(): PeerReport | null {
    return this.#report;
  }

  /** @returns The port; `null` without one. @throws the system's error. */
  async listen(): Promise<number | null> {
    return (await this.#server?.start(this.#config.peersListen as string)) ?? null;
  }

  /**
   * Asks, when there is somebody to ask and something is lacking. Never throws.
   * @param facts That this relay knows now.
   */
  async ask(
    facts: () => AccessFacts | null,
    keepFacts: (facts: AccessFacts) => void,
  ): Promise<void> {
    const { membership, privateKey } = this.#credentials;
    const { peersListen, state } = this.#config;
    const port = peersListen === undefined ? null : splitHostPort(peersListen)[1];
    const find = peerFinder(this.#config, port);
    // Nobody knows a key that has just been made.
    if (find === null || membership === null) return;
    const asking = {
      certificate: peerCertificate(privateKey),
      limits: PEER_LIMITS,
      signal: this.#abort.signal,
    };
    const log = this.#log;
    const options = { asking, stateDir: state, membership, facts, keepFacts, find, log };
    this.#report = await askAll(options);
  }

  /** Ends asking: what has come whole stays. */
  stopAsking(): void {
    this.#abort.abort();
  }

  async stop(): Promise<void> {
    this.stopAsking();
    this.#net?.stop();
    await this.#server?.stop();
  }
}
