/**
 * The side of an Origin that its own cluster's relays speak to: their frames and the
 * acknowledgements, and the channels that a publisher has reconciled. Everything is committed
 * before readers are sent it or it is acknowledged.
 */
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { must } from "../../../shared/lib/assert.ts";
import { areDisjoint, DISJOINT_RULE } from "../../../shared/log/partition.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { CloseReason } from "../../../shared/protocol/errors.ts";
import type { Message, Publish } from "../../../shared/protocol/messages.ts";
import { HEADS_VERSION } from "../../../shared/protocol/version.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import type { Parsed } from "../../../shared/visibility/parse-facts.ts";
import { NO_WORK, sumSizes } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import { listLogs } from "../log/channel-logs.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { Peer, SocketId } from "../peer.ts";
import type { OriginPorts } from "../ports.ts";
import type { Projections } from "../scopes/projections.ts";
import type { TimerRegistry } from "../timers.ts";
import type { WaitingFrame } from "./commit-group.ts";
import { CommitSchedule } from "./commit-schedule.ts";
import type { Committed, Queued } from "./commit-schedule.ts";
import type { PublishResult } from "./frame-intake.ts";
import { parsePublisherNote } from "./publisher-note.ts";
import { noteSeen } from "./seen-times.ts";
import { PublisherSockets } from "./publisher-sockets.ts";
import { PublisherWelcome } from "./publisher-welcome.ts";
import { Publishing } from "./publishing.ts";
import { QuestionQueue } from "./question-queue.ts";
import type { Question } from "./question-queue.ts";
import { ReportIntake } from "./report-intake.ts";
import type { ReadReport } from "./report-intake.ts";

export interface PublisherHandlers {
  /** Closes a socket and forgets it. */
  refuse(socket: SocketId, reason: CloseReason, message: string): void;
  /** Something was committed: readers are sent it. */
  committed(): void;
  /** A publisher has reconciled these channels. */
  reconciled(channels: readonly Channel[]): void;
  /** A relay has reported, of its cluster too where it publishes. */
  reported(isPublisher: boolean): void;
  /** Records of this channel that were refused are refused no longer. */
  released(channel: Channel): void;
  /** More of the digests that a hello waits for may be known. */
  retryHellos(): void;
  /** Readers that each frame is sent to. */
  readerCount(): number;
}

export class PublisherSide {
  readonly sockets: PublisherSockets;
  readonly handshake: PublisherWelcome;
  readonly #ports: OriginPorts;
  readonly #logs: Logs;
  readonly #projections: Projections;
  readonly #handlers: PublisherHandlers;
  readonly #questions: QuestionQueue;
  readonly #reports: ReportIntake;
  readonly #schedule: CommitSchedule;
  readonly #publishing: Publishing;
  /** Channels that the publisher has reconciled while claims of it were under way. */
  readonly #reconciling = new Set<Channel>();

  constructor(
    ports: OriginPorts,
    timers: TimerRegistry,
    logs: Logs,
    projections: Projections,
    admission: AdmissionFacts,
    handlers: PublisherHandlers,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#projections = projections;
    this.#handlers = handlers;
    this.sockets = new PublisherSockets(ports);
    const setTimer = timers.own("publisher", () => {
      handlers.retryHellos();
      this.#questions.answer();
    });
    this.handshake = new PublisherWelcome(ports.sockets, this.sockets, logs, {
      refuse: (socket, reason, message) => handlers.refuse(socket, reason, message),
      publisherChanged: () => this.#forgetQuestions(),
      retrySoon: () => setTimer(0),
      paceMs: () => this.#paceMs(),
    });
    this.#reports = new ReportIntake(
      timers.own("report", () => this.#reports.step()),
      (socket, report) => this.#onReport(socket, report),
    );
    this.#questions = new QuestionQueue(ports, logs, setTimer, {
      mustWait: () => !this.#schedule.isEmpty,
      member: () => this.sockets.member,
      answer: (difference) => {
        const { publisher } = this.sockets;
        if (publisher !== null) this.#send(publisher, difference);
      },
      reconciled: (channel) => this.#onReconciled(channel),
    });
    // A question waits for the frames before it: a timer may have committed the last of them.
    const thenAnswer: TimerRegistry = {
      own: (name, run) =>
        timers.own(name, () => {
          run();
          this.#questions.answerSoon();
        }),
    };
    this.#schedule = new CommitSchedule(ports, thenAnswer, {
      logs: () => [...listLogs(logs), ...projections.logs()],
      weight: () => projections.weight,
      commit: (frames, most) => this.#commit(frames, most),
    });
    this.#publishing = new Publishing(ports, thenAnswer, logs, admission, {
      appended: (channel, changes) => projections.follow(channel, changes),
      weight: () => projections.weight,
      committed: () => this.committed(),
      settled: () => this.#settleReconciled(),
      foldSoon: () => this.#schedule.foldSoon(),
      released: (channel) => handlers.released(channel),
      countWork: (size) => this.#schedule.countWork(size),
    });
  }

  /** A socket that outlived the eviction of this object, with its note. */
  restore(socket: SocketId, peer: Peer, text: string): void {
    const note = parsePublisherNote(text);
    if (note.kind === "value") this.sockets.restore(socket, peer, note.value);
    else this.#handlers.refuse(socket, "not-ready", `unreadable note: ${note.rule}`);
  }

  onClose(socket: SocketId): void {
    if (this.sockets.isPublisher(socket)) this.#forgetQuestions();
    this.#schedule.drop(socket);
    this.#reports.drop(socket);
    this.sockets.onClose(socket);
  }

  #forgetQuestions(): void {
    this.#reconciling.clear();
    this.#questions.clear();
  }

  setAdmission(admission: AdmissionFacts, accessVersion: number): void {
    this.#publishing.setAdmission(admission, accessVersion);
  }

  onClaimFailed(claims: readonly RangeClaim[]): void {
    this.#publishing.onClaimFailed(claims);
  }

  /** Something was committed, by whomever: readers are sent it, and folding that is due begins. */
  committed(): void {
    this.#handlers.committed();
    this.#schedule.foldSoon();
  }

  onMessage(socket: SocketId, message: Message): void {
    if (message.type === "report") {
      if (this.sockets.has(socket)) this.#reports.add(socket, message);
      return;
    }
    if (message.type === "ask-heads") {
      // Behind all facts that this Origin has told its cluster's relays. [PRO11]
      if (this.sockets.versionOf(socket) >= HEADS_VERSION)
        this.#send(socket, { type: "heads", token: message.token, heads: [] });
      return;
    }
    if (!this.sockets.isPublisher(socket)) return;
    if (message.type === "publish") this.#onQueued(socket, this.#schedule.add({ socket, message }));
    else if (message.type === "reconcile" || message.type === "reconciled")
      this.#onQuestion(socket, message);
    else {
      const rule = `${message.type} does not belong on a home socket`;
      this.#handlers.refuse(socket, "protocol-error", rule);
    }
  }

  #onReport(socket: SocketId, report: Parsed<ReadReport>): void {
    if (!report.ok) {
      this.#handlers.refuse(socket, "protocol-error", report.rule);
      return;
    }
    this.sockets.onReport(socket, report.value);
    this.#handlers.reported(this.sockets.isPublisher(socket));
  }

  #onQuestion(socket: SocketId, question: Question): void {
    if (question.type === "reconcile" && !areDisjoint(question.leaves))
      this.#handlers.refuse(socket, "protocol-error", DISJOINT_RULE);
    else this.#onQueued(socket, this.#questions.add(question));
  }

  #onQueued(socket: SocketId, queued: Queued): void {
    if (queued.kind === "over-quota") this.#handlers.refuse(socket, "over-quota", queued.rule);
  }

  /** In one event and so in one commit; then sent to readers and acknowledged. [LOG16] */
  #commit(waiting: readonly WaitingFrame[], most: WorkSize): Committed {
    const frames = waiting.filter(({ socket }) => this.sockets.isPublisher(socket));
    // fault: ack-before-commit
    const results = this.#publishing.publish(frames, most);
    noteSeen(frames, results, this.#projections);
    if (results.some((result) => result.kind === "accepted" && result.hasCommitted))
      this.committed();
    // Frames that this event had no time for; after a broken rule the publisher is not heard.
    let left = results.at(-1)?.kind === "accepted" ? frames.slice(results.length) : [];
    let [size, work] = [NO_WORK, NO_WORK];
    for (const [i, result] of results.entries()) {
      const frame = must(frames[i], "a frame for each result");
      if (result.kind === "accepted") {
        size = sumSizes(size, result.size);
        work = sumSizes(work, result.work);
      }
      if (result.kind === "accepted" && result.rest.length > 0)
        left = [{ ...frame, rest: { changes: result.rest, refused: result.refused } }, ...left];
      else this.#answerPublish(frame.socket, frame.message, result);
    }
    return { size, work, left };
  }

  #answerPublish(socket: SocketId, { channel, sequence }: Publish, result: PublishResult): void {
    if (!this.sockets.isPublisher(socket)) return;
    if (result.kind !== "accepted") {
      const reason = result.kind === "over-quota" ? "over-quota" : "protocol-error";
      this.#handlers.refuse(socket, reason, `publish ${sequence}: ${result.rule}`);
      return;
    }
    const { refused, log } = result;
    const { epoch, head: revision } = log;
    const paceMs = this.#paceMs();
    this.#send(socket, { type: "accepted", channel, sequence, epoch, revision, refused, paceMs });
  }

  /**
   * A reconciliation counts once all published records are settled: a pool whose claim is under
   * way would make all its pods look gone. [LOG14]
   */
  #onReconciled(channel: Channel): void {
    this.#reconciling.add(channel);
    // fault: claims-settle-early
    if (this.#publishing.isSettled) this.#settleReconciled();
  }

  #settleReconciled(): void {
    const channels = [...this.#reconciling];
    this.#reconciling.clear();
    for (const channel of channels) {
      this.#ports.store.transaction(() => {
        this.#logs[channel].markPopulated();
        this.#projections.markPopulated(channel);
      });
      this.sockets.markReconciled(channel);
    }
    this.#handlers.reconciled(channels);
  }

  /** Milliseconds between a publisher's frames: grows with the readers of each frame. */
  #paceMs(): number {
    return Math.max(this.#ports.paceMs(), Math.ceil(this.#handlers.readerCount() / 8));
  }

  #send(socket: SocketId, message: Message): void {
    this.#ports.sockets.send(socket, encodeMessage(message));
  }
}
