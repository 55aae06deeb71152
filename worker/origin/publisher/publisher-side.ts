/**
 * The side of an Origin that its own cluster's relays speak to: who publishes, what is taken in and acknowledged, and what a publisher has reconciled.
 * Everything is committed before it is told to readers or acknowledged.
 */
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { must } from "../../../shared/lib/assert.ts";
import { areDisjoint } from "../../../shared/log/partition.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import type { Message, Publish, Reconcile, Reconciled } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import type { Waiting } from "./commit-group.ts";
import { PublisherSockets } from "./publisher-sockets.ts";
import type { PublishClaim } from "../access/permits.ts";
import { NOTHING, sum } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { OriginPorts, Peer, SocketId } from "../ports.ts";
import type { Logs } from "../scopes/projection.ts";
import type { Projections } from "../scopes/projections.ts";
import { Publishing } from "./publishing.ts";
import type { PublishResult } from "./publishing.ts";
import { Reconciliation } from "./reconciliation.ts";
import { CommitSchedule } from "./commit-schedule.ts";
import type { Committed } from "./commit-schedule.ts";

/** Leaves whose digests are made in one event. */
const DIGEST_LEAVES = 32;
/** What a step of an answer costs, and each message of it. [LOG28] */
const STEP_US = 300;
const ANSWER_US = 60;
/** Of one publisher, that wait for its frames or for each other: it has one of each kind under way for a channel. */
const MAX_WAITING = 2 * CHANNELS.length;

type Question = Reconcile | Reconciled;

export interface PublisherRules {
  /** Closes a socket and forgets it. */
  refuse(socket: SocketId, reason: CloseReason, message: string): void;
  /** Something was committed: readers are told. */
  committed(): void;
  /** A publisher has reconciled these channels. */
  reconciled(channels: readonly Channel[]): void;
  /** The publisher has reported of its cluster. */
  reported(): void;
  /** Records of these channels that were refused are refused no longer. */
  released(channel: Channel): void;
  /** Readers that each frame is sent to. */
  readerCount(): number;
}

export class PublisherSide {
  readonly desk: PublisherSockets;
  readonly #ports: OriginPorts;
  readonly #logs: Logs;
  readonly #projections: Projections;
  readonly #rules: PublisherRules;
  readonly #publishing: Publishing;
  readonly #turns: CommitSchedule;
  /** Channels that the present publisher has reconciled while claims of it were under way. */
  readonly #reconciling = new Set<Channel>();
  /** What the publisher says behind frames that are still to be committed, or while it is answered before. */
  #questions: Question[] = [];
  #answering: Reconciliation | null = null;

  constructor(
    ports: OriginPorts,
    logs: Logs,
    projections: Projections,
    admission: AdmissionFacts,
    rules: PublisherRules,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#projections = projections;
    this.#rules = rules;
    this.desk = new PublisherSockets(ports);
    this.#turns = new CommitSchedule(
      ports,
      () => [...logs.values(), ...projections.logs()],
      () => projections.weight,
      (frames, most) => this.#commit(frames, most),
    );
    this.#publishing = new Publishing(ports, logs, admission, {
      onAppend: (channel, changes) => projections.follow(channel, changes),
      weight: () => projections.weight,
      onCommit: () => this.committed(),
      onSettled: () => this.#settleReconciled(),
      onFull: () => this.#turns.foldSoon(),
      onRelease: (channel) => rules.released(channel),
      worked: (size) => this.#turns.worked(size),
    });
  }

  onClose(socket: SocketId): void {
    if (this.desk.is(socket)) this.#forgetQuestions();
    this.#turns.drop(socket);
    this.desk.onClose(socket);
  }

  #forgetQuestions(): void {
    this.#reconciling.clear();
    this.#questions = [];
    this.#answering = null;
  }

  /**
   * Whether what a welcome says is known: else the rules' `ready` is called when it is worth asking again. Digests of a large log that has changed much are made
   * in parts. [LOG18]
   */
  get isReady(): boolean {
    const isKnown = [...this.#logs.values()].every((log) =>
      log.received.union.refresh(DIGEST_LEAVES),
    );
    if (!isKnown) this.#ports.setTimer("home", 0);
    return isKnown;
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  promote(facts: OriginFacts): void {
    if (this.desk.next() === null || !this.isReady) return;
    const next = must(this.desk.next(), "who publishes next");
    const claim = { leaseUid: "", term: 0, candidate: next.candidate };
    this.welcome(next.socket, next.peer, claim, next.version, facts);
  }

  welcome(
    socket: SocketId,
    peer: Peer,
    claim: PublishClaim,
    version: number,
    facts: OriginFacts,
  ): void {
    const welcomed = this.desk.welcome(socket, peer, claim, version, facts);
    if (!welcomed.ok) {
      this.#rules.refuse(socket, welcomed.reason, welcomed.message);
      return;
    }
    if (welcomed.isStandby) {
      const nothing = { version, term: 0, paceMs: 0, channels: [], isStandby: true } as const;
      this.#send(socket, { type: "home-welcome", ...nothing });
      this.#sendAccess(socket, facts);
      return;
    }
    this.#forgetQuestions();
    if (welcomed.replaced !== null)
      this.#rules.refuse(
        welcomed.replaced,
        "superseded",
        "a newer socket of this cluster has taken over",
      );
    this.#send(socket, {
      type: "home-welcome",
      version,
      term: welcomed.term,
      paceMs: this.#paceMs(),
      channels: [...this.#logs.values()].map((log) => ({
        channel: log.channel,
        epoch: log.epoch,
        head: log.head,
        digest: log.received.union.digest(),
      })),
      isStandby: null,
    });
    this.#sendAccess(socket, facts);
  }

  /** Tells the cluster's relays what may be seen now. */
  sendAccess(facts: OriginFacts): void {
    for (const socket of this.desk.sockets()) this.#sendAccess(socket, facts);
  }

  setAdmission(...admission: Parameters<Publishing["setAdmission"]>): void {
    this.#publishing.setAdmission(...admission);
  }

  onClaimFailed(...claims: Parameters<Publishing["onClaimFailed"]>): void {
    this.#publishing.onClaimFailed(...claims);
  }

  /** Something was committed, by whomever: readers are told, and what is due is folded. */
  committed(): void {
    this.#rules.committed();
    this.#turns.foldSoon();
  }

  onTimer(name: "claim" | "commit" | "fold" | "rejudge"): void {
    if (name === "commit") this.#turns.onCommitTimer();
    else if (name === "claim") this.#publishing.claimOn();
    else if (name === "fold") this.#turns.onFoldTimer();
    else this.#publishing.rejudgeSlice();
    this.#answerSoon();
  }

  onMessage(socket: SocketId, message: Message): void {
    if (message.type === "report") {
      const broken = this.desk.onReport(socket, message);
      if (broken !== null) this.#rules.refuse(socket, "protocol-error", broken);
      else if (this.desk.is(socket)) this.#rules.reported();
      return;
    }
    if (!this.desk.is(socket)) return;
    if (message.type === "publish") {
      const broken = this.#turns.add({ socket, message });
      if (broken !== null) this.#rules.refuse(socket, "over-quota", broken);
      return;
    }
    if (message.type !== "reconciled" && message.type !== "reconcile") {
      const rule = `${message.type} does not belong on a home socket`;
      this.#rules.refuse(socket, "protocol-error", rule);
      return;
    }
    if (message.type === "reconcile" && !areDisjoint(message.leaves)) {
      this.#rules.refuse(socket, "protocol-error", LEAVES_RULE);
      return;
    }
    if (this.#questions.length >= MAX_WAITING) {
      const rule = `more than ${MAX_WAITING} of reconcile and reconciled wait for frames or an answer`;
      this.#rules.refuse(socket, "over-quota", rule);
      return;
    }
    this.#questions.push(message);
    this.answerOn();
  }

  /** What was published before is committed first, and one question is answered after the other, some of it in each event. */
  answerOn(): void {
    if (!this.#turns.isEmpty) return;
    if (this.#answering === null) this.#takeQuestions();
    const { socket, member } = this.desk;
    if (this.#answering === null || socket === null || member === null) return;
    const { work, clock } = this.#ports;
    const now = clock.now();
    const waitMs = work.waitMs(member, now);
    if (waitMs > 0) {
      this.#ports.setTimer("home", waitMs);
      return;
    }
    const differences = this.#answering.step();
    work.spend(member, STEP_US + differences.length * ANSWER_US, now);
    for (const difference of differences) this.#send(socket, difference);
    if (this.#answering.isDone) this.#answering = null;
    this.#answerSoon();
  }

  #takeQuestions(): void {
    for (;;) {
      const question = this.#questions.shift();
      if (question === undefined) return;
      const log = must(this.#logs.get(question.channel), "channel");
      if (question.type === "reconcile") {
        this.#answering = new Reconciliation(log, question.leaves);
        return;
      }
      this.#onReconciled(question.channel);
    }
  }

  #answerSoon(): void {
    const isWaiting = this.#answering !== null || this.#questions.length > 0;
    if (isWaiting && this.#turns.isEmpty) this.#ports.setTimer("home", 0);
  }

  /** In one event and so in one commit; then told and acknowledged. [LOG16] */
  #commit(waiting: readonly Waiting[], most: WorkSize): Committed {
    const frames = waiting.filter(({ socket }) => this.desk.is(socket));
    const results = this.#publishing.publish(frames, most);
    if (results.some((result) => result.ok && result.hasCommitted)) this.committed();
    // What one event had no time for; what follows a frame that broke a rule is not listened to any more.
    let left = results.at(-1)?.ok === true ? frames.slice(results.length) : [];
    let size = NOTHING;
    for (const [i, result] of results.entries()) {
      const frame = must(frames[i], "a frame for each result");
      if (result.ok) size = sum(size, result.size);
      if (result.ok && result.rest.length > 0)
        left = [{ ...frame, rest: { changes: result.rest, refused: result.refused } }, ...left];
      else this.#answerPublish(frame.socket, frame.message, result);
    }
    return { size, left };
  }

  #answerPublish(socket: SocketId, { channel, sequence }: Publish, result: PublishResult): void {
    if (!this.desk.is(socket)) return;
    if (!result.ok) {
      const reason = "isOverQuota" in result ? "over-quota" : "protocol-error";
      this.#rules.refuse(socket, reason, `publish ${sequence}: ${result.rule}`);
      return;
    }
    const { refused, log } = result;
    const { epoch, head: revision } = log;
    const paceMs = this.#paceMs();
    this.#send(socket, { type: "accepted", channel, sequence, epoch, revision, refused, paceMs });
  }

  /** Counts once what was published is settled: a pool whose claim is under way would make all its pods look gone. [LOG14] */
  #onReconciled(channel: Channel): void {
    this.#reconciling.add(channel);
    if (this.#publishing.isSettled) this.#settleReconciled();
  }

  #settleReconciled(): void {
    const channels = [...this.#reconciling];
    this.#reconciling.clear();
    for (const channel of channels) {
      const log = must(this.#logs.get(channel), "channel");
      this.#ports.store.transaction(() => {
        log.markPopulated();
        this.#projections.markPopulated(channel);
      });
      this.desk.markReconciled(channel);
    }
    this.#rules.reconciled(channels);
  }

  #sendAccess(socket: SocketId, facts: OriginFacts): void {
    const { readers: _all, scopedReaders: _some, ...own } = facts;
    this.#send(socket, { type: "access", facts: JSON.stringify(own) });
  }

  /** Milliseconds between a publisher's frames: grows with the readers that each frame must be sent to. */
  #paceMs(): number {
    return Math.max(this.#ports.paceMs, Math.ceil(this.#rules.readerCount() / 8));
  }

  #send(socket: SocketId, message: Message): void {
    this.#ports.sockets.send(socket, encodeMessage(message));
  }
}

/** Of a peer's `leaves`. [PRO4] */
export const LEAVES_RULE = "leaves must be in order and must not overlap";
