/**
 * This relay's membership and its home socket: joins with a token until the hub has decided, then
 * publishes and reports for as long as it may, and tells the log how that goes.
 */
import type { Channel } from "../shared/record/channel.ts";
import type { AccessFacts } from "../shared/visibility/facts.ts";
import type { Credentials } from "./hub/credentials.ts";
import type { HeadQuestion } from "./hub/head-questions.ts";
import { joinUntilDecided } from "./hub/join-until-decided.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import { Home } from "./publish/home.ts";
import type { ClusterReports } from "./publish/home.ts";
import type { PublishedState } from "./publish/differences.ts";
import type { Publisher } from "./publish/publisher.ts";
import type { RelayStatus } from "./status.ts";

/** How often the identity's files are read where the hub takes this relay's key no more. */
const IDENTITY_MS = 5_000;
const STANDBY = "another relay of this cluster publishes; this one stands by";

/** The identity of this relay towards the hub. */
export type RelayIdentity = Pick<Credentials, "membership" | "headers" | "join" | "correctClock"> &
  Partial<Pick<Credentials, "skewMs" | "takeNewer">>;

export interface HubSessionOptions {
  /** URL of the hub. */
  readonly hub: string;
  readonly joinToken: string | undefined;
  readonly credentials: RelayIdentity;
  readonly local: PublishedState;
  readonly ports: RelayPorts;
  readonly log: Logger;
  /** Newest access version that this relay holds. */
  accessVersion(): number;
  onAccess(facts: AccessFacts): void;
  /** The hub has answered a question. */
  onHeads(): void;
  /** See `PublisherPorts`. */
  review(channel: Channel, missing: readonly Uint8Array[]): ReadonlySet<string>;
  /** This relay is a member: its home socket is made, and not started. */
  onMember(publisher: Publisher): void;
}

export class HubSession {
  readonly #options: HubSessionOptions;
  readonly #abort = new AbortController();
  #home: Home | null = null;
  #message: string | null = null;
  /** Who publishes instead, as the hub said when it displaced this relay. [CRE25] */
  #displaced: string | null = null;
  #wasUp = false;
  #lostMs: number | null = null;
  /** What the hub was shown last. */
  #shown: string | undefined;

  constructor(options: HubSessionOptions) {
    this.#options = options;
  }

  /** `null`: not a member. */
  get publisher(): Publisher | null {
    return this.#home?.publisher ?? null;
  }

  /** See `Home`; `null`: the hub cannot be asked now. */
  askHeads(): HeadQuestion | null {
    return this.#home?.askHeads() ?? null;
  }

  get isStopped(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Joins and connects; resolves when the socket is dialled, or the hub has said no. */
  async start(): Promise<void> {
    const { hub, joinToken, credentials, log } = this.#options;
    const isMember =
      joinToken === undefined ||
      (await joinUntilDecided(credentials, hub, joinToken, {
        log,
        signal: this.#abort.signal,
        onRefused: (message) => (this.#message = message),
      }));
    if (!isMember) return;
    const home = this.#open();
    this.#home = home;
    this.#options.onMember(home.publisher);
    home.start();
  }

  stop(): void {
    this.#abort.abort();
    this.#home?.stop();
  }

  report(make: () => ClusterReports): void {
    this.#home?.report(make);
  }

  status(): Pick<RelayStatus, "hub" | "hubAgeSeconds" | "message"> {
    const home = this.#home;
    return {
      hub: home === null ? "not-joined" : home.isOpen ? "connected" : "down",
      hubAgeSeconds: this.#ageSeconds(),
      message:
        home?.stopped ?? this.#message ?? (home?.isStandby === true ? this.#standby() : null),
    };
  }

  #standby(): string {
    return this.#displaced === null ? STANDBY : `${STANDBY}: ${this.#displaced}`;
  }

  #ageSeconds(): number | null {
    if (this.#home?.isOpen === true) return 0;
    if (this.#lostMs === null) return null;
    return Math.round((this.#options.ports.now() - this.#lostMs) / 1000);
  }

  #open(): Home {
    const { hub, credentials, local, ports } = this.#options;
    const home = new Home({
      url: socketUrl(hub, "/v1/connect/home"),
      local,
      ports,
      headers: async () => {
        const headers = await credentials.headers();
        this.#shown = credentials.membership?.credential;
        return headers;
      },
      onRefused: (status, date) => this.#onRefused(status, date),
      accessVersion: () => this.#options.accessVersion(),
      onAccess: (facts) => this.#options.onAccess(facts),
      onHeads: () => this.#options.onHeads(),
      review: (channel, missing) => this.#options.review(channel, missing),
      onUp: () => this.#onUp(home),
      onDown: (reason, message) => this.#onDown(home, reason, message),
    });
    return home;
  }

  #onUp({ isStandby }: Home): void {
    const { hub, log } = this.#options;
    this.#message = null;
    this.#wasUp = true;
    if (!isStandby) this.#displaced = null;
    log.info({ hub, isStandby }, "connected to the hub");
    if (isStandby) log.info(this.#standby());
  }

  #onDown(home: Home, reason: string | null, message: string): void {
    const { stopped } = home;
    const { log, ports } = this.#options;
    this.#message = message;
    if (reason === "superseded") this.#displaced = message;
    if (this.#wasUp) this.#lostMs = ports.now();
    this.#wasUp = false;
    if (reason === "rerouted") log.info({ reason }, `the way to the hub is another: ${message}`);
    else if (stopped === null)
      log.warn({ reason }, `the hub is not reachable: ${message}; what is served stays`);
    else log.error({ reason }, `publishing has stopped: ${message}; what is served stays`);
    if (reason === "unauthenticated") this.#awaitKey(home);
  }

  /** The cluster's new key comes into the folder by itself, as a Secret does. [CRE27] */
  #awaitKey(home: Home): void {
    const { credentials, ports, log } = this.#options;
    if (credentials.takeNewer === undefined) return;
    ports.after(IDENTITY_MS, () => {
      void credentials.takeNewer?.().then(() => {
        if (this.isStopped || home.stopped === null) return;
        if (credentials.membership?.credential === this.#shown) return this.#awaitKey(home);
        log.info("this relay has another key of its cluster, and goes on with it");
        home.resume();
      });
    });
  }

  /**
   * A token of a wrong clock is refused with 401; the hub's answer tells the right time, and the
   * next attempt uses it. [CRE8]
   */
  #onRefused(status: number, date: string | undefined): void {
    const { credentials, log } = this.#options;
    const skewMs = status === 401 ? credentials.correctClock(date) : null;
    if (skewMs !== null)
      log.warn(
        { skewSeconds: Math.round(skewMs / 1000) },
        "this machine's clock differs from the hub's: corrected for the hub's tokens",
      );
  }
}

export function socketUrl(hub: string, path: string): string {
  const url = new URL(path, hub);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.toString();
}
