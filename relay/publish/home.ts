/**
 * The relay's home socket: publishes what the cluster has, hears what it may see, reports how well
 * it sees it.
 */
import { hostname } from "node:os";

import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { ClusterReport, EdgeReport } from "../../shared/visibility/facts.ts";
import { parseAccessFacts } from "../../shared/visibility/parse-facts.ts";
import type { DownReason } from "../hub/link.ts";
import type { HomeMessage, HomeWelcome, Report } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { Publisher } from "./publisher.ts";
import type { PublishedState } from "./differences.ts";
import type { PublisherPorts } from "./publisher.ts";
import { SOFTWARE } from "../lib/version.ts";
import { HeadQuestions } from "../hub/head-questions.ts";
import type { HeadQuestion } from "../hub/head-questions.ts";
import { isHomeMessage } from "../hub/hub-message.ts";
import { NODE_PORTS } from "../hub/relay-ports.ts";
import type { Link, RelayPorts } from "../hub/relay-ports.ts";

export interface HomeOptions {
  readonly url: string;
  readonly local: PublishedState;
  headers(): Promise<Readonly<Record<string, string>>>;
  onRefused(status: number, date: string | undefined): void;
  /** Newest access version that this relay holds. */
  accessVersion(): number;
  onAccess(facts: AccessFacts): void;
  onDown(reason: DownReason | null, message: string): void;
  onUp(): void;
  /** The hub has answered a question. */
  onHeads?(): void;
  readonly ports?: RelayPorts;
  /** See `PublisherPorts`. */
  readonly review?: PublisherPorts["review"];
}

const HEARTBEAT_MS = 5_000;
/**
 * When a standby first asks whether the publisher is still there, and then: with many relays one of
 * them asks often enough.
 */
const ASK_FIRST_MS = 25_000;
const ASK_MS = 300_000;
/** Reports are sent when they change, at most this often. */
const REPORT_MS = 500;

/** What a relay says of what it sees, and of its own cluster. */
export interface ClusterReports {
  readonly edges: readonly EdgeReport[];
  readonly cluster: ClusterReport;
}

export class Home {
  readonly #options: HomeOptions;
  readonly #link: Link;
  readonly #ports: RelayPorts;
  readonly publisher: Publisher;
  #cancelPace: (() => void) | null = null;
  #cancelReport: (() => void) | null = null;
  #cancelAsk: (() => void) | null = null;
  /** Made when it is sent: of a thousand remotes, or of a hundred followers, it is large. */
  #makeReport: (() => ClusterReports) | null = null;
  #reported = "";
  /** The same object until it has changed: it is large, and told only then. [OVL1] */
  #saidOverlay: ClusterReport["overlay"] | null = null;
  /** This start of this relay. */
  readonly #candidate: string;
  readonly #questions = new HeadQuestions((message) => this.#link.send(message));
  /** The term that the hub handed out, for reconnections of this process. */
  #term = 0;
  /** Why publishing stopped for good, when it did. */
  stopped: string | null = null;
  /**
   * Another relay of the cluster publishes; this one hears and reports, and publishes when that one
   * goes. [VIS30]
   */
  isStandby = false;

  constructor(options: HomeOptions) {
    this.#options = options;
    this.#ports = options.ports ?? NODE_PORTS;
    this.#candidate = Math.floor(this.#ports.random() * 2 ** 48).toString(16);
    this.publisher = new Publisher(options.local, {
      send: (message) => this.#link.send(message),
      now: () => this.#ports.now(),
      hubMs: () => this.#ports.hubTime?.now()?.ms ?? null,
      ...(options.review !== undefined && { review: options.review }),
      setTimer: (delayMs) => {
        this.#cancelPace ??= this.#ports.after(delayMs, () => {
          this.#cancelPace = null;
          this.publisher.onTimer();
        });
      },
    });
    this.#link = this.#ports.dial({
      url: options.url,
      headers: () => options.headers(),
      heartbeatMs: HEARTBEAT_MS,
      onRefused: (status, date) => options.onRefused(status, date),
      handlers: {
        onOpen: () => this.#hello(),
        onMessage: (message) => {
          if (isHomeMessage(message)) this.#received(message);
          else this.#link.restart(`the hub sent ${message.type} to a publisher`);
        },
        onDown: (reason, message) => this.#down(reason, message),
      },
    });
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  /** Answered behind all access facts that the hub had when it was asked. */
  askHeads(): HeadQuestion | null {
    return this.#questions.ask();
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#cancelPace?.();
    this.#cancelReport?.();
    this.#cancelAsk?.();
    this.#link.stop();
  }

  /** After it has stopped by itself: this relay has another key now. [CRE27] */
  resume(): void {
    this.stopped = null;
    this.start();
  }

  /** What is told has changed. @param make Says what it is when it is sent. */
  report(make: () => ClusterReports): void {
    this.#makeReport = make;
    this.#cancelReport ??= this.#ports.after(REPORT_MS, () => {
      this.#cancelReport = null;
      this.#sendReport();
    });
  }

  #sendReport(): void {
    if (!this.#link.isOpen) return;
    const { report, overlay: present } = textsOf(this.#makeReport?.() ?? null);
    const text = `${report.edges} ${report.cluster}`;
    const overlay = present === this.#saidOverlay ? null : present;
    if (text === this.#reported && overlay === null) return;
    this.#reported = text;
    this.#saidOverlay = present;
    if (overlay === null || report.cluster === null) this.#link.send(report);
    else {
      const whole = `${report.cluster.slice(0, -1)},"overlay":${JSON.stringify(overlay)}}`;
      this.#link.send({ ...report, cluster: whole });
    }
  }

  #hello(): void {
    this.#link.send({
      type: "home-hello",
      versions: PROTOCOL_VERSIONS,
      software: `${SOFTWARE} on ${hostname()}`,
      accessVersion: this.#options.accessVersion(),
      leaseUid: "",
      term: this.#term,
      candidate: this.#candidate,
    });
  }

  #askAgain(afterMs: number): void {
    this.#cancelAsk?.();
    this.#cancelAsk = this.#ports.after(afterMs * (0.5 + this.#ports.random()), () => {
      this.#cancelAsk = null;
      if (!this.isStandby || !this.#link.isOpen) return;
      this.#hello();
      this.#askAgain(ASK_MS);
    });
  }

  #received(message: HomeMessage): void {
    if (message.type === "access") {
      const facts = parseAccessFacts(message.facts);
      if (facts.ok) this.#options.onAccess(facts.value);
      else this.#link.restart(`the hub sent access facts that break a rule: ${facts.rule}`);
      return;
    }
    if (message.type === "home-welcome") this.#welcomed(message);
    else if (message.type === "heads") {
      this.#questions.onHeads(message);
      this.#options.onHeads?.();
    } else this.publisher.onMessage(message);
  }

  #welcomed(message: HomeWelcome): void {
    const wasStandby = this.isStandby;
    this.#questions.onWelcome(message.version);
    this.isStandby = message.isStandby === true;
    if (!this.isStandby || !wasStandby) {
      this.#reported = "";
      this.#saidOverlay = null;
      this.#options.onUp();
    }
    this.#sendReport();
    if (this.isStandby) {
      if (!wasStandby) this.#askAgain(ASK_FIRST_MS);
      return;
    }
    this.#cancelAsk?.();
    this.#term = message.term;
    this.publisher.onMessage(message);
  }

  #down(reason: DownReason | null, message: string): void {
    this.publisher.onDisconnect();
    this.#questions.onDown();
    this.isStandby = false;
    // Permanent refusals: no reconnection.
    if (reason === "removed" || reason === "unauthenticated") {
      this.stopped = message;
      this.stop();
    }
    this.#options.onDown(reason, message);
  }
}

/** @param said `null`: nothing is known yet. */
function textsOf(said: ClusterReports | null): {
  readonly report: Report;
  readonly overlay: ClusterReport["overlay"] | null;
} {
  if (said === null)
    return { report: { type: "report", edges: "[]", cluster: null }, overlay: null };
  const { overlay = null, ...cluster } = said.cluster;
  const [edges, own] = [JSON.stringify(said.edges), JSON.stringify(cluster)];
  return { report: { type: "report", edges, cluster: own }, overlay };
}
