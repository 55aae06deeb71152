/**
 * Where this relay's links go: to the hub, or to a relay of its cluster that feeds it; and what
 * others follow of it. Everything else in a relay knows links only. Wires; who feeds whom is
 * decided by `choice.ts`. [FEE1]
 */
import type { Message } from "../../shared/protocol/messages.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import type { HeadQuestion } from "../hub/head-questions.ts";
import type { LinkOptions } from "../hub/link.ts";
import type { Link, RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import type { RemoteView } from "../view/remote-view.ts";
import { contacts, nextRouting, rank, roleOf } from "./choice.ts";
import type { Candidate, Role, RouteWaits, Routing } from "./choice.ts";
import { FeedLink } from "./feed-link.ts";
import { Feeder, HOME } from "./feeder.ts";
import { FeederConnection } from "./feeder-connection.ts";
import type { FollowerStatus } from "./follower.ts";
import type { FeedNet, FeedPipe, FeedPipeHandlers } from "./frames.ts";
import { RoutedLink } from "./routed-link.ts";

const TICK_MS = 500;
/** Who is not heard of by then is passed over. */
const DECIDE_MS = 3_000;
/** Beside as much again at random: feeders that are gone, feeders that are cut off. */
const GONE_MS = 1_000;
const CUT_MS = 30_000;

/** What a feed needs of the relay that it is of. */
export interface FedRelay {
  /** UID of this relay's cluster; `null`: it is not a member yet. */
  clusterUid(): string | null;
  accessVersion(): number;
  view(originUid: string): RemoteView | null;
  /** See `FeederPorts`. */
  ask(target: string): HeadQuestion | null;
  onReports(): void;
}

export interface FeedStatus {
  readonly role: "feeder" | "follower" | "deciding";
  /** Relay that feeds this one now; `null`: the hub, or nobody. */
  readonly fedBy: string | null;
  readonly followers: readonly FollowerStatus[];
}

export class Feed {
  readonly #net: FeedNet;
  readonly #ports: RelayPorts;
  readonly #log: Logger;
  readonly #relay: FedRelay;
  readonly #links = new Set<RoutedLink>();
  readonly #connections = new Map<string, FeederConnection>();
  readonly #feeder: Feeder;
  readonly #startedMs: number;
  readonly #waits: RouteWaits;
  #role: Role = { kind: "deciding" };
  #routing: Routing = { route: { kind: "none" }, orphanSinceMs: null };
  /** As the hub sent them, or a feeder gave them on. */
  #facts: string | null = null;
  #cancelTick: (() => void) | null = null;
  #isStopped = false;

  constructor(net: FeedNet, ports: RelayPorts, log: Logger, relay: FedRelay) {
    this.#net = net;
    this.#ports = ports;
    this.#log = log;
    this.#relay = relay;
    this.#startedMs = ports.now();
    const jittered = (ms: number): number => ms * (1 + ports.random());
    this.#waits = { goneMs: jittered(GONE_MS), cutMs: jittered(CUT_MS) };
    this.#feeder = new Feeder({
      facts: () => {
        const text = this.#facts;
        return text === null ? null : { text, accessVersion: relay.accessVersion() };
      },
      view: (uid) => relay.view(uid),
      state: () => ({ feeds: this.#role.kind !== "follower", hub: this.#isOpen(HOME) }),
      isOpen: (target) => this.#isOpen(target),
      ask: (target) => relay.ask(target),
      onReports: () => relay.onReports(),
      after: (ms, run) => {
        ports.after(ms, () => {
          if (!this.#isStopped) run();
        });
      },
    });
    this.#decide();
    this.#tick();
  }

  /** The ports of everything that dials the hub. */
  get ports(): RelayPorts {
    return { ...this.#ports, dial: (options) => this.#dial(options) };
  }

  /** A relay of the cluster follows this one. */
  accept(name: string, pipe: FeedPipe): FeedPipeHandlers {
    return this.#feeder.accept(name, pipe);
  }

  merged(own: readonly EdgeReport[]): readonly EdgeReport[] {
    return this.#feeder.merged(own);
  }

  status(): FeedStatus {
    const { route } = this.#routing;
    return {
      role: this.#role.kind,
      fedBy: route.kind === "feeder" ? route.address : null,
      followers: this.#feeder.status(),
    };
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTick?.();
    for (const connection of this.#connections.values()) connection.stop();
  }

  #isOpen(target: string): boolean {
    // Only its own socket at the hub: nobody follows a follower.
    if (this.#routing.route.kind !== "hub") return false;
    return [...this.#links].some((link) => link.target === target && link.isOpen);
  }

  #dial(options: LinkOptions): Link {
    const link: RoutedLink = new RoutedLink(options, {
      dialHub: (wrapped) => this.#ports.dial(wrapped),
      dialFeeder: (address, target, handlers) => {
        const connection = this.#connections.get(address);
        return connection === undefined
          ? null
          : new FeedLink(connection, target, handlers, this.#ports, () =>
              this.#relay.accessVersion(),
            );
      },
      route: () => this.#routing.route,
      onStart: () => this.#links.add(link),
      onStop: () => {
        this.#links.delete(link);
        this.#feeder.onDown(link.target, true);
      },
      onOpen: () => this.#feeder.onOpen(link.target),
      onDown: () => this.#feeder.onDown(link.target, false),
      onMessage: (message) => this.#onMessage(link.target, message),
      onSend: (message) => {
        if (message.type === "repair") this.#feeder.onRepairAsked(link.target, message.channel);
      },
    });
    return link;
  }

  #onMessage(target: string, message: Message): void {
    if (message.type === "access") {
      // After this relay has obeyed them itself.
      this.#facts = message.facts;
      this.#feeder.onFacts();
    } else if (this.#routing.route.kind === "hub") this.#feeder.onMessage(target, message);
  }

  /** Of either feeder, whichever is told first. */
  #onFacts(facts: string): void {
    if (facts === this.#facts) return;
    for (const link of this.#links) {
      if (link.target !== HOME) continue;
      link.deliver({ type: "access", facts });
      this.#facts = facts;
      this.#feeder.onFacts();
    }
  }

  #tick(): void {
    this.#cancelTick = this.#ports.after(TICK_MS, () => {
      if (this.#isStopped) return;
      this.#decide();
      this.#feeder.onTick();
      this.#feeder.tellState();
      this.#tick();
    });
  }

  #decide(): void {
    if (this.#isStopped) return;
    const ranked = this.#ranked();
    this.#role =
      ranked === null ? { kind: "deciding" } : roleOf(ranked.map((one) => this.#asLate(one)));
    this.#hold(ranked);
    const before = this.#routing.route;
    this.#routing = nextRouting(this.#routing, this.#role, this.#waits, this.#ports.now());
    const { route } = this.#routing;
    const isSame =
      before.kind === route.kind &&
      (before.kind !== "feeder" || route.kind !== "feeder" || before.address === route.address);
    if (isSame) return;
    this.#log.info(
      { role: this.#role.kind, feeder: route.kind === "feeder" ? route.address : null },
      route.kind === "feeder"
        ? "this relay follows another one of its cluster"
        : "this relay has its own sockets at the hub",
    );
    for (const link of this.#links) link.follow();
    this.#feeder.tellState();
  }

  #ranked(): readonly Candidate[] | null {
    const cluster = this.#relay.clusterUid();
    const isLate = this.#ports.now() - this.#startedMs >= DECIDE_MS;
    const known = this.#net.addresses() ?? (isLate ? [] : null);
    // Who has not joined has no key that others know.
    if (cluster === null) return isLate ? [] : null;
    if (known === null) return null;
    // Asks the system for its addresses.
    const { self } = this.#net;
    return rank(cluster, known).map((address) => {
      if (address === self) return { address, state: "self", feeds: true, hub: true };
      const connection = this.#connections.get(address);
      const nothing = { address, state: "unknown" as const, feeds: false, hub: false };
      return connection?.candidate ?? nothing;
    });
  }

  /** A relay that has started long ago waits for nobody to decide. */
  #asLate(candidate: Candidate): Candidate {
    const isLate = this.#ports.now() - this.#startedMs >= DECIDE_MS;
    return candidate.state === "unknown" && isLate ? { ...candidate, state: "dead" } : candidate;
  }

  #asSlow(candidate: Candidate): Candidate {
    const isSlow = this.#connections.get(candidate.address)?.isSlow === true;
    return isSlow ? { ...candidate, state: "dead" } : candidate;
  }

  #hold(ranked: readonly Candidate[] | null): void {
    const wanted = new Set(ranked === null ? [] : contacts(ranked.map((one) => this.#asSlow(one))));
    for (const [address, connection] of this.#connections)
      if (!wanted.has(address)) {
        this.#connections.delete(address);
        connection.stop();
      }
    for (const address of wanted)
      if (!this.#connections.has(address))
        this.#connections.set(
          address,
          new FeederConnection(address, this.#net, this.#ports, {
            onChange: () => this.#decide(),
            onFacts: (facts) => this.#onFacts(facts),
          }),
        );
  }
}
