/**
 * The side of an Origin that its own cluster's relays speak to: who publishes, what is taken in and acknowledged, and what a publisher has reconciled.
 * Everything is committed before it is told to readers or acknowledged.
 */
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { must } from "../../shared/lib/assert.ts";
import { areDisjoint } from "../../shared/log/partition.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message, Publish, Reconcile } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { ChannelLog } from "./channel-log.ts";
import type { Waiting } from "./commit-group.ts";
import { HomeDesk } from "./home.ts";
import type { HomeClaim } from "./permits.ts";
import { NOTHING, sum } from "./part.ts";
import type { Size } from "./part.ts";
import type { OriginPorts, Peer, SocketId } from "./ports.ts";
import { Publishing } from "./publishing.ts";
import type { PublishResult } from "./publishing.ts";
import { differences, receivedTrie } from "./reconcile.ts";
import { Turns } from "./turns.ts";
import type { Committed } from "./turns.ts";

export interface HomeRules {
  /** Closes a socket and forgets it. */
  refuse(socket: SocketId, reason: CloseReason, message: string): void;
  /** Something was committed: readers are told. */
  committed(): void;
  /** A publisher has reconciled these channels. */
  reconciled(channels: readonly Channel[]): void;
  /** Readers that each frame is sent to. */
  readerCount(): number;
}

export class HomeSide {
  readonly desk: HomeDesk;
  readonly #ports: OriginPorts;
  readonly #logs: ReadonlyMap<Channel, ChannelLog>;
  readonly #rules: HomeRules;
  readonly #publishing: Publishing;
  readonly #turns: Turns;
  /** Channels that the present publisher has reconciled while claims of it were under way. */
  readonly #reconciling = new Set<Channel>();

  constructor(
    ports: OriginPorts,
    logs: ReadonlyMap<Channel, ChannelLog>,
    admission: AdmissionFacts,
    rules: HomeRules,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#rules = rules;
    this.desk = new HomeDesk(ports);
    this.#turns = new Turns(ports, [...logs.values()], (frames, most) =>
      this.#commit(frames, most),
    );
    this.#publishing = new Publishing(ports, logs, admission, {
      onCommit: () => this.#committed(),
      onSettled: () => this.#settleReconciled(),
    });
  }

  onClose(socket: SocketId): void {
    if (this.desk.is(socket)) this.#reconciling.clear();
    this.#turns.drop(socket);
    this.desk.onClose(socket);
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  promote(facts: OriginFacts): void {
    const next = this.desk.next();
    if (next === null) return;
    const claim = { leaseUid: "", term: 0, candidate: next.candidate };
    this.welcome(next.socket, next.peer, claim, next.version, facts);
  }

  welcome(
    socket: SocketId,
    peer: Peer,
    claim: HomeClaim,
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
    this.#reconciling.clear();
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
        digest: receivedTrie(log, this.#ports.store).digest(),
      })),
      isStandby: null,
    });
    this.#sendAccess(socket, facts);
  }

  /** Tells the cluster's relays what may be seen now. */
  sendAccess(facts: OriginFacts): void {
    for (const socket of this.desk.sockets()) this.#sendAccess(socket, facts);
  }

  setAdmission(admission: AdmissionFacts): void {
    this.#publishing.setAdmission(admission);
  }

  onClaimFailed(...claims: Parameters<Publishing["onClaimFailed"]>): void {
    this.#publishing.onClaimFailed(...claims);
  }

  onTimer(name: "commit" | "fold" | "rejudge"): void {
    if (name === "commit") this.#turns.onCommitTimer();
    else if (name === "fold") this.#turns.onFoldTimer();
    else this.#publishing.rejudgeSlice();
  }

  onMessage(socket: SocketId, message: Message): void {
    if (message.type === "report") {
      this.desk.onReport(socket, message.edges);
      return;
    }
    if (!this.desk.is(socket)) return;
    if (message.type === "publish") {
      const broken = this.#turns.add({ socket, message });
      if (broken !== null) this.#rules.refuse(socket, "over-quota", broken);
      return;
    }
    // What was published before comes first. A publisher says the rest when nothing of its own is under way, so it cannot hurry its frames past the quota.
    if (!this.#turns.flush()) {
      const rule = `${message.type} while frames wait for the quota`;
      this.#rules.refuse(socket, "over-quota", rule);
      return;
    }
    if (!this.desk.is(socket)) return;
    if (message.type === "reconciled") this.#onReconciled(message.channel);
    else if (message.type === "reconcile") this.#onReconcile(socket, message);
    else
      this.#rules.refuse(
        socket,
        "protocol-error",
        `${message.type} does not belong on a home socket`,
      );
  }

  /** In one event and so in one commit; then told and acknowledged. [LOG16] */
  #commit(waiting: readonly Waiting[], most: Size): Committed {
    const frames = waiting.filter(({ socket }) => this.desk.is(socket));
    const results = this.#publishing.publish(frames, most);
    if (results.some((result) => result.ok && result.hasCommitted)) this.#committed();
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

  #committed(): void {
    this.#rules.committed();
    this.#turns.foldSoon();
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

  #onReconcile(socket: SocketId, { channel, leaves }: Reconcile): void {
    if (!areDisjoint(leaves)) {
      this.#rules.refuse(socket, "protocol-error", LEAVES_RULE);
      return;
    }
    const log = must(this.#logs.get(channel), "channel");
    for (const difference of differences(log, this.#ports.store, leaves))
      this.#send(socket, difference);
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
      this.#ports.store.transaction(() => log.markPopulated());
      this.desk.markReconciled(channel);
    }
    this.#rules.reconciled(channels);
  }

  #sendAccess(socket: SocketId, facts: OriginFacts): void {
    const { readers: _private, ...own } = facts;
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
