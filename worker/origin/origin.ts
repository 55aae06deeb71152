/**
 * One member cluster's Origin: its log, who publishes, who reads. Every event is handled synchronously behind ports: admitted, committed,
 * fanned out and acknowledged inside its handler, so there is no uncommitted state and hibernation may come between any two events.
 */
import { admissionFacts } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { must } from "../../shared/lib/assert.ts";
import { areDisjoint } from "../../shared/log/hash-trie.ts";
import type { Partition } from "../../shared/log/hash-trie.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { HomeHello, Message, Publish, WatchHello } from "../../shared/protocol/messages.ts";
import { pickVersion, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type {
  OriginFacts,
  OriginStatus,
  QuarantineEntry,
  RangeClaim,
} from "../../shared/visibility/facts.ts";
import { Announcer } from "./announcer.ts";
import { ChannelLog } from "./channel-log.ts";
import { CommitGroup } from "./commit-group.ts";
import { HomeDesk } from "./home.ts";
import { mayRead } from "./permits.ts";
import type { HomeClaim } from "./permits.ts";
import type { OriginPorts, Peer, SocketId, TimerName } from "./ports.ts";
import { Publishing } from "./publishing.ts";
import type { PublishResult } from "./publishing.ts";
import { QUOTA, RateQuota } from "./quota.ts";
import { Readers } from "./readers.ts";
import { originStatus, quarantineEntries } from "./report.ts";
import { differences, receivedTrie } from "./reconcile.ts";

const PULL_RETRY_MS = 2_000;

type Hello = WatchHello | HomeHello;

export class Origin {
  readonly #ports: OriginPorts;
  readonly #logs = new Map<Channel, ChannelLog>();
  readonly #readers: Readers;
  readonly #home: HomeDesk;
  readonly #publishing: Publishing;
  readonly #announcer: Announcer;
  readonly #group: CommitGroup;
  readonly #quota: RateQuota;
  readonly #peers = new Map<SocketId, Peer>();
  /** Unix ms at which sockets opened that have said nothing yet. */
  readonly #silent = new Map<SocketId, number>();
  /** Channels that the present publisher has reconciled while claims of it were under way. */
  readonly #reconciling = new Set<Channel>();
  /** Hellos that came before the facts were fresh. */
  readonly #waiting = new Map<SocketId, Hello>();
  #facts: OriginFacts | null;
  /** The Mesh has answered since this instance started: until then nothing is sent to any reader. [VIS4] */
  #isFactsFresh = false;

  constructor(ports: OriginPorts) {
    const { store } = ports;
    this.#ports = ports;
    this.#facts = store.facts();
    store.transaction(() => {
      for (const channel of CHANNELS)
        this.#logs.set(channel, new ChannelLog(channel, store, () => newEpoch(ports.random)));
    });
    this.#home = new HomeDesk(ports);
    this.#group = new CommitGroup(ports.clock);
    this.#quota = new RateQuota(ports.clock);
    this.#readers = new Readers(this.#logs, ports.sockets, {
      maySend: () => this.#isFactsFresh,
      canSweep: (channel) => this.#home.hasReconciled(channel),
      transaction: (work) => store.transaction(work),
      yieldTurn: () => ports.setTimer("serve", 0),
    });
    this.#announcer = new Announcer(ports, () => this.#readers.sendCheckpoints());
    this.#publishing = new Publishing(ports, this.#logs, admissionOf(this.#facts), {
      onCommit: () => this.#committed(),
      onSettled: () => this.#settleReconciled(),
    });
  }

  /** A socket that the Worker has authenticated. */
  onOpen(socket: SocketId, peer: Peer): void {
    this.#closeSilent();
    this.#silent.set(socket, this.#ports.clock.now());
    this.#know(socket, peer);
  }

  #know(socket: SocketId, peer: Peer): void {
    this.#peers.set(socket, peer);
    if (!this.#isFactsFresh) this.#ports.mesh.pullFacts();
  }

  /** A socket that outlived the eviction of this object, with the note it was given. */
  onRestore(socket: SocketId, peer: Peer, note: string): void {
    this.#know(socket, peer);
    if (note === "") return;
    if (peer.role === "home") this.#home.restore(socket, peer, note);
    else this.#readers.restore(socket, peer, note);
  }

  onClose(socket: SocketId): void {
    this.#peers.delete(socket);
    this.#silent.delete(socket);
    this.#waiting.delete(socket);
    this.#readers.drop(socket);
    if (this.#home.is(socket)) this.#reconciling.clear();
    this.#home.onClose(socket);
    this.#promote();
  }

  /** Where nobody publishes any more, a relay that stands by does. [VIS30] */
  #promote(): void {
    const next = this.#home.next();
    if (next === null || this.#facts === null || this.#facts.removed) return;
    if (!this.#isFactsFresh) return;
    const claim = { leaseUid: "", term: 0, candidate: next.candidate };
    this.#welcomeHome(next.socket, next.peer, claim, next.version, this.#facts);
  }

  onMessage(socket: SocketId, data: Uint8Array): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
    this.#silent.delete(socket);
    this.#closeSilent();
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      this.#refuse(
        socket,
        decoded.rule.includes("limit") ? "too-large" : "protocol-error",
        decoded.rule,
      );
      return;
    }
    const { message } = decoded;
    if (message.type === "watch-hello" || message.type === "home-hello")
      this.#onHello(socket, peer, message, false);
    else if (peer.role === "home") this.#onHomeMessage(socket, message);
    else this.#onReaderMessage(socket, message);
  }

  onTimer(name: TimerName): void {
    // The log of a removed cluster is gone: what was to be done with it must not bring any of it back. [VIS7]
    if (this.#facts?.removed === true) return;
    switch (name) {
      case "checkpoint":
        this.#announcer.onTimer();
        return;
      case "fold":
        this.#fold();
        return;
      case "commit":
        if (this.#quota.waitMs() === 0) this.#commitGroup();
        else if (!this.#group.isEmpty) this.#ports.setTimer("commit", this.#quota.waitMs());
        return;
      case "serve":
        this.#readers.serveOn();
        return;
      case "rejudge":
        this.#publishing.rejudgeSlice();
        return;
      case "pull":
        if (!this.#isFactsFresh) this.#ports.mesh.pullFacts();
    }
  }

  onPullFailed(message: string): void {
    this.#ports.log("warn", "cannot read access facts from the mesh; readers wait", {
      error: message,
    });
    this.#ports.setTimer("pull", PULL_RETRY_MS);
  }

  onClaimFailed(claims: readonly RangeClaim[], message: string): void {
    this.#ports.log("warn", "cannot claim ranges in the mesh", { error: message });
    this.#publishing.onClaimFailed(claims);
  }

  /**
   * Facts that the Mesh has pushed. Older ones change nothing. Answers the version it holds now. [VIS3] They may be old when they come, so they
   * are no reason to send anything that waits for the Mesh. [VIS4]
   */
  onFacts(facts: OriginFacts): number {
    this.#learn(facts, false);
    return must(this.#facts, "facts that were taken").accessVersion;
  }

  /** Facts that this instance has asked for: no older than the question, even where newer ones were pushed meanwhile. */
  onAnswer(facts: OriginFacts): void {
    this.#learn(facts, true);
  }

  #learn(facts: OriginFacts, isAnswer: boolean): void {
    const known = this.#facts;
    if (known !== null && known.meshId !== facts.meshId) return;
    const isNew = known === null || facts.accessVersion > known.accessVersion;
    if (isNew) this.#take(facts);
    const current = isNew ? facts : known;
    // What was asked of the Mesh before an eviction or a crash was never answered to this instance.
    const mustAskAgain = isAnswer && !this.#isFactsFresh && this.#ports.store.hasPendingClaims();
    if (isAnswer) this.#beginToSend();
    if (isNew && !current.removed)
      for (const socket of this.#home.sockets()) this.#sendAccess(socket, current);
    if ((isNew || mustAskAgain) && !current.removed)
      this.#publishing.setAdmission(admissionOf(current));
    this.#readers.pumpAll();
  }

  #beginToSend(): void {
    this.#isFactsFresh = true;
    for (const [socket, hello] of this.#waiting) {
      this.#waiting.delete(socket);
      const peer = this.#peers.get(socket);
      if (peer !== undefined) this.#onHello(socket, peer, hello, true);
    }
    this.#promote();
  }

  /** Bytes that readers were sent and have not acknowledged. */
  get inFlightBytes(): number {
    return this.#readers.inFlightBytes;
  }

  /** What it needs of memory, about, besides what is in flight: its own ledger, of at most 64 MB with 500,000 endpoints. */
  get ledgerBytes(): number {
    return [...this.#logs.values()].reduce((sum, log) => sum + log.bytes, this.#readers.bytes);
  }

  status(): OriginStatus {
    return originStatus(
      must(this.#facts, "status before facts"),
      this.#logs,
      this.#home,
      this.#ports.store,
    );
  }

  quarantine(limit: number): QuarantineEntry[] {
    return quarantineEntries(
      must(this.#facts, "quarantine before facts"),
      this.#ports.store,
      limit,
    );
  }

  /** Committed first, then enforced: revoked means from here on. [VIS5] */
  #take(facts: OriginFacts): void {
    const { store } = this.#ports;
    store.transaction(() => {
      store.saveFacts(facts);
      if (facts.removed) store.wipeLog();
    });
    this.#facts = facts;
    for (const { socket, peer } of this.#readers.peers()) {
      const permit = mayRead(peer, facts);
      if (permit !== "yes") this.#refuse(socket, permit.reason, permit.message);
    }
    for (const { socket, reason, message } of this.#home.objections(facts))
      this.#refuse(socket, reason, message);
  }

  /** @param hasAsked The Mesh was asked because of this very hello: what it knows is the newest there is. */
  #onHello(socket: SocketId, peer: Peer, hello: Hello, hasAsked: boolean): void {
    if ((hello.type === "home-hello") !== (peer.role === "home")) {
      this.#refuse(socket, "protocol-error", `${hello.type} does not fit the ${peer.role} socket`);
      return;
    }
    const isBehind = hello.accessVersion > (this.#facts?.accessVersion ?? 0);
    if (!hasAsked && (isBehind || !this.#isFactsFresh)) {
      if (isBehind) this.#isFactsFresh = false;
      this.#waiting.set(socket, hello);
      this.#ports.mesh.pullFacts();
      return;
    }
    const version = pickVersion(hello.versions);
    if (version === null) {
      this.#refuse(
        socket,
        "version-mismatch",
        `this hub speaks protocol ${PROTOCOL_VERSIONS.join(", ")}`,
      );
      return;
    }
    const facts = must(this.#facts, "fresh facts");
    if (hello.type === "home-hello") this.#welcomeHome(socket, peer, hello, version, facts);
    else this.#onWatchHello(socket, peer, hello, version, facts);
  }

  #onWatchHello(
    socket: SocketId,
    peer: Peer,
    hello: WatchHello,
    version: number,
    facts: OriginFacts,
  ): void {
    const permit = mayRead(peer, facts);
    if (permit !== "yes") {
      this.#refuse(socket, permit.reason, permit.message);
      return;
    }
    if (this.#readers.has(socket)) {
      this.#refuse(socket, "protocol-error", "a second hello");
      return;
    }
    const { accessVersion, cluster } = facts;
    this.#send(socket, { type: "watch-welcome", version, originUid: cluster.uid, accessVersion });
    this.#readers.admit(socket, peer, hello, version);
  }

  #welcomeHome(
    socket: SocketId,
    peer: Peer,
    claim: HomeClaim,
    version: number,
    facts: OriginFacts,
  ): void {
    const welcomed = this.#home.welcome(socket, peer, claim, version, facts);
    if (!welcomed.ok) {
      this.#refuse(socket, welcomed.reason, welcomed.message);
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
      this.#refuse(
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

  #onHomeMessage(socket: SocketId, message: Message): void {
    if (message.type === "report") {
      this.#home.onReport(socket, message.edges);
      return;
    }
    if (!this.#home.is(socket)) return;
    if (message.type === "publish") {
      this.#onPublish(socket, message);
      return;
    }
    if (!this.#group.isEmpty && this.#quota.waitMs() > 0) {
      // A publisher says this when nothing of its own is under way; so it cannot hurry its frames past the quota.
      this.#refuse(socket, "over-quota", `${message.type} while frames wait for the quota`);
      return;
    }
    // What was published before comes first.
    this.#commitGroup();
    if (!this.#home.is(socket)) return;
    if (message.type === "reconciled") this.#onReconciled(message.channel);
    else if (message.type === "reconcile") {
      if (!this.#checkLeaves(socket, message.leaves)) return;
      const log = must(this.#logs.get(message.channel), "channel");
      for (const difference of differences(log, this.#ports.store, message.leaves))
        this.#send(socket, difference);
    } else
      this.#refuse(socket, "protocol-error", `${message.type} does not belong on a home socket`);
  }

  #onPublish(socket: SocketId, message: Publish): void {
    const isDue = this.#group.add({ socket, message });
    const waitMs = this.#quota.waitMs();
    if (waitMs > 0 && this.#group.bytes > QUOTA.waitingBytes) {
      this.#group.take();
      const text = `more than ${QUOTA.waitingBytes} bytes of frames wait for this origin's quota of ${QUOTA.changesPerSecond} changes/s`;
      this.#refuse(socket, "over-quota", text);
    } else if (isDue && waitMs === 0) this.#commitGroup();
    else this.#ports.setTimer("commit", waitMs);
  }

  /** What waits, in one event and so in one commit; then told and acknowledged. [LOG16] */
  #commitGroup(): void {
    const frames = this.#group.take().filter(({ socket }) => this.#home.is(socket));
    if (frames.length === 0) return;
    const results = this.#publishing.publish(frames.map(({ message }) => message));
    for (const result of results) if (result.ok) this.#quota.take(result.changes);
    if (results.some((result) => result.ok && result.hasCommitted)) this.#committed();
    for (const [i, result] of results.entries()) {
      const { socket, message } = must(frames[i], "a frame for each result");
      this.#answerPublish(socket, message, result);
    }
  }

  #answerPublish(socket: SocketId, { channel, sequence }: Publish, result: PublishResult): void {
    if (!this.#home.is(socket)) return;
    if (!result.ok) {
      const reason = "isOverQuota" in result ? "over-quota" : "protocol-error";
      this.#refuse(socket, reason, `publish ${sequence}: ${result.rule}`);
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
    for (const channel of this.#reconciling) {
      this.#reconciling.delete(channel);
      const log = must(this.#logs.get(channel), "channel");
      this.#ports.store.transaction(() => log.markPopulated());
      this.#home.markReconciled(channel);
      this.#readers.forgetCheckpoints(channel);
    }
    this.#readers.sendCheckpoints();
  }

  #onReaderMessage(socket: SocketId, message: Message): void {
    if (!this.#readers.has(socket)) {
      // While the hello waits for the Mesh nothing was sent that could be answered.
      if (!this.#waiting.has(socket))
        this.#refuse(socket, "protocol-error", `${message.type} before the hello`);
      return;
    }
    if (message.type === "repair") {
      if (this.#checkLeaves(socket, message.leaves))
        this.#readers.onRepair(socket, message.channel, message.leaves);
    } else if (message.type === "reader-ack") this.#readers.onAck(socket, message);
    else
      this.#refuse(socket, "protocol-error", `${message.type} does not belong on a watch socket`);
  }

  #checkLeaves(socket: SocketId, leaves: readonly Partition[]): boolean {
    if (areDisjoint(leaves)) return true;
    this.#refuse(socket, "protocol-error", "leaves must be in order and must not overlap");
    return false;
  }

  #committed(): void {
    if (this.#announcer.onCommit()) this.#readers.pumpSettled();
    else this.#readers.pumpAll();
    if ([...this.#logs.values()].some((log) => log.needsFold)) this.#ports.setTimer("fold", 0);
  }

  /** With the next event, not by a timer: a timer would keep the object from sleeping, and a silent socket costs it nothing. [PRO5] */
  #closeSilent(): void {
    const deadline = this.#ports.clock.now() - LIMITS.helloMs;
    for (const [socket, openedMs] of this.#silent)
      if (openedMs <= deadline) this.#refuse(socket, "hello-timeout", "no hello within 10 s");
  }

  /** One slice; between two, other events have their turn. */
  #fold(): void {
    const log = [...this.#logs.values()].find((candidate) => candidate.needsFold);
    if (log === undefined) return;
    log.foldSlice();
    this.#ports.setTimer("fold", 0);
  }

  #sendAccess(socket: SocketId, facts: OriginFacts): void {
    const { readers: _private, ...own } = facts;
    this.#send(socket, { type: "access", facts: JSON.stringify(own) });
  }

  /** Milliseconds between a publisher's frames: grows with the readers that each frame must be sent to. */
  #paceMs(): number {
    return Math.max(this.#ports.paceMs, Math.ceil(this.#readers.size / 8));
  }

  #send(socket: SocketId, message: Message): void {
    this.#ports.sockets.send(socket, encodeMessage(message));
  }

  #refuse(socket: SocketId, reason: CloseReason, message: string): void {
    this.#ports.sockets.close(socket, reason, message);
    this.onClose(socket);
  }
}

function admissionOf(facts: OriginFacts | null): AdmissionFacts {
  return admissionFacts(facts?.ranges ?? { pods: [], nodes: [] }, facts?.refusedClaims ?? []);
}

function newEpoch(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join("");
}
