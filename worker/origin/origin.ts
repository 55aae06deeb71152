/**
 * One member cluster's Origin: its log, who publishes, who reads. Every event is handled synchronously behind ports: admitted, committed,
 * fanned out and acknowledged inside its handler, so there is no uncommitted state and hibernation may come between any two events.
 */
import { admissionFacts, judge } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { toHex } from "../../shared/lib/bytes.ts";
import { must } from "../../shared/lib/assert.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { HomeHello, Message, Publish, WatchHello } from "../../shared/protocol/messages.ts";
import { pickVersion, PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";
import type {
  EdgeReport,
  OriginFacts,
  OriginStatus,
  QuarantineEntry,
  RangeClaim,
} from "../../shared/visibility/facts.ts";
import { ChannelLog } from "./channel-log.ts";
import type { AdmittedChange } from "./channel-log.ts";
import { takeIn } from "./intake.ts";
import type { OriginPorts, Peer, SocketId, TimerName } from "./ports.ts";
import { mayRead, planTerm } from "./permits.ts";
import { Readers } from "./readers.ts";
import { differences, receivedTrie } from "./reconcile.ts";

/** Milliseconds without a commit after which the digest is announced. */
const SETTLE_MS = 200;
/** Milliseconds after which it is announced although commits go on. */
const CHECKPOINT_MS = 10_000;
const PULL_RETRY_MS = 2_000;
/** Quarantined records judged again in one slice. */
const REJUDGE_SLICE = 500;

/** What outlives an eviction of the object, with the home socket. */
interface HomeNote {
  readonly reconciled: readonly Channel[];
  readonly edges: readonly EdgeReport[];
}

/** An attachment holds 16 KiB; larger reports are known again with the next one. */
const NOTE_EDGES_CHARS = 12_000;

interface Home {
  readonly socket: SocketId;
  readonly peer: Peer;
  /** Channels that this socket's publisher has reconciled. */
  readonly reconciled: Set<Channel>;
}

export class Origin {
  readonly #ports: OriginPorts;
  readonly #logs = new Map<Channel, ChannelLog>();
  readonly #readers: Readers;
  readonly #startedMs: number;
  #facts: OriginFacts | null;
  #admission: AdmissionFacts;
  /** The Mesh has answered since this instance started: until then nothing is sent to any reader. [VIS4] */
  #isFactsFresh = false;
  #home: Home | null = null;
  #lastSeenMs: number;
  #edges: readonly EdgeReport[] = [];
  readonly #waiting = new Map<
    SocketId,
    { readonly peer: Peer; readonly hello: WatchHello | HomeHello }
  >();
  readonly #peers = new Map<SocketId, Peer>();
  readonly #asked = new Set<string>();
  #checkpointDueMs = 0;
  #rejudge: { channel: number; after: Uint8Array } | null = null;

  constructor(ports: OriginPorts) {
    this.#ports = ports;
    this.#startedMs = ports.clock.now();
    this.#lastSeenMs = this.#startedMs;
    this.#facts = ports.store.facts();
    this.#admission = admissionOf(this.#facts);
    ports.store.transaction(() => {
      for (const channel of CHANNELS)
        this.#logs.set(channel, new ChannelLog(channel, ports.store, () => newEpoch(ports.random)));
    });
    this.#readers = new Readers(
      this.#logs,
      ports.sockets,
      (channel) => this.#home?.reconciled.has(channel) === true,
      (work) => ports.store.transaction(work),
    );
  }

  get facts(): OriginFacts | null {
    return this.#facts;
  }

  /** A socket that the Worker has authenticated. */
  onOpen(socket: SocketId, peer: Peer): void {
    this.#peers.set(socket, peer);
    this.#requireFacts();
  }

  /** A socket that outlived the eviction of this object, with the note it was given. */
  onRestore(socket: SocketId, peer: Peer, note: string): void {
    this.#peers.set(socket, peer);
    this.#requireFacts();
    if (note === "") return;
    if (peer.role !== "home") this.#readers.restore(socket, peer, note);
    else {
      const saved = JSON.parse(note) as HomeNote;
      this.#home = { socket, peer, reconciled: new Set(saved.reconciled) };
      this.#edges = saved.edges;
    }
  }

  onClose(socket: SocketId): void {
    this.#peers.delete(socket);
    this.#waiting.delete(socket);
    this.#readers.drop(socket);
    if (this.#home?.socket !== socket) return;
    this.#home = null;
    this.#edges = [];
    this.#lastSeenMs = this.#ports.clock.now();
  }

  onMessage(socket: SocketId, data: Uint8Array): void {
    const peer = this.#peers.get(socket);
    if (peer === undefined) return;
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
      this.#onHello(socket, peer, message);
    else if (peer.role === "home") this.#onHomeMessage(socket, message);
    else this.#onReaderMessage(socket, message);
  }

  onTimer(name: TimerName): void {
    switch (name) {
      case "checkpoint": {
        const now = this.#ports.clock.now();
        if (now < this.#checkpointDueMs)
          this.#ports.setTimer("checkpoint", this.#checkpointDueMs - now);
        else this.#announce();
        return;
      }
      case "fold":
        this.#fold();
        return;
      case "rejudge":
        this.#rejudgeSlice();
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

  /** The Mesh could not be asked: the claims are asked again with the next slice of judging. */
  onClaimFailed(claims: readonly RangeClaim[], message: string): void {
    for (const claim of claims) this.#asked.delete(`${claim.use} ${claim.cidr}`);
    this.#ports.log("warn", "cannot claim ranges in the mesh", { error: message });
    this.#rejudge ??= { channel: 0, after: new Uint8Array() };
    this.#ports.setTimer("rejudge", PULL_RETRY_MS);
  }

  /** Facts from the Mesh, pushed or asked for. Older ones change nothing. [VIS3] */
  onFacts(facts: OriginFacts): number {
    const known = this.#facts;
    if (known !== null && known.meshId !== facts.meshId) return known.accessVersion;
    if (known !== null && facts.accessVersion < known.accessVersion) return known.accessVersion;
    const isNew = known === null || facts.accessVersion > known.accessVersion;
    if (isNew) {
      this.#ports.store.transaction(() => {
        this.#ports.store.saveFacts(facts);
        if (facts.removed) this.#ports.store.wipeLog();
      });
      this.#facts = facts;
      this.#admission = admissionOf(facts);
      this.#asked.clear();
      this.#enforce(facts);
    }
    this.#isFactsFresh = true;
    for (const [socket, { peer, hello }] of this.#waiting) {
      this.#waiting.delete(socket);
      this.#onHello(socket, peer, hello);
    }
    if (isNew && !facts.removed) {
      if (this.#home !== null) this.#sendAccess(this.#home.socket);
      this.#rejudge = { channel: 0, after: new Uint8Array() };
      this.#rejudgeSlice();
    }
    this.#readers.pumpAll();
    return facts.accessVersion;
  }

  status(): OriginStatus {
    const facts = must(this.#facts, "status before facts");
    return {
      cluster: facts.cluster,
      publisher: this.#home === null ? "absent" : "connected",
      lastSeenMs:
        this.#home === null ? Math.max(this.#lastSeenMs, this.#startedMs) : this.#ports.clock.now(),
      channels: [...this.#logs.values()].map((log) => ({
        channel: log.channel,
        epoch: log.epoch,
        head: log.head,
        populated: log.populated,
        received: log.admitted.size + this.#ports.store.quarantineCount(log.channel),
        admitted: log.admitted.size,
        digest: toHex(log.admitted.digest()),
      })),
      quarantined: this.#ports.store.quarantineCount(),
      edges: this.#edges,
    };
  }

  quarantine(limit: number): QuarantineEntry[] {
    const facts = must(this.#facts, "quarantine before facts");
    return CHANNELS.flatMap((channel) =>
      this.#ports.store.quarantinedAfter(channel, new Uint8Array(), limit),
    )
      .slice(0, limit)
      .map(({ kind, key, rule, message }) => ({ origin: facts.cluster, kind, key, rule, message }));
  }

  #onHello(socket: SocketId, peer: Peer, hello: WatchHello | HomeHello): void {
    const isHome = hello.type === "home-hello";
    if (isHome !== (peer.role === "home")) {
      this.#refuse(socket, "protocol-error", `${hello.type} does not fit the ${peer.role} socket`);
      return;
    }
    if (
      this.#facts !== null &&
      hello.accessVersion > this.#facts.accessVersion &&
      !this.#waiting.has(socket)
    )
      this.#isFactsFresh = false;
    if (!this.#isFactsFresh) {
      this.#waiting.set(socket, { peer, hello });
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
    if (facts.removed) {
      this.#refuse(socket, "removed", "the cluster was removed from the mesh");
      return;
    }
    if (hello.type === "home-hello") this.#onHomeHello(socket, peer, hello, version, facts);
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
    this.#send(socket, {
      type: "watch-welcome",
      version,
      originUid: facts.cluster.uid,
      accessVersion: facts.accessVersion,
    });
    this.#readers.admit(socket, peer, hello);
  }

  #onHomeHello(
    socket: SocketId,
    peer: Peer,
    hello: HomeHello,
    version: number,
    facts: OriginFacts,
  ): void {
    if (peer.keyGeneration < facts.keyGeneration) {
      this.#refuse(socket, "unauthenticated", "the cluster's key was replaced by a newer one");
      return;
    }
    const plan = planTerm(this.#ports.store.term(), hello);
    if (plan.kind === "superseded") {
      this.#refuse(socket, "superseded", plan.message);
      return;
    }
    this.#ports.store.transaction(() => this.#ports.store.saveTerm(plan.term));
    const older = this.#home;
    this.#home = { socket, peer, reconciled: new Set() };
    if (older !== null && older.socket !== socket)
      this.#refuse(older.socket, "superseded", "a newer socket of this cluster has taken over");
    this.#edges = [];
    this.#saveHome(this.#home);
    this.#send(socket, {
      type: "home-welcome",
      version,
      term: plan.term.term,
      paceMs: this.#paceMs(),
      channels: [...this.#logs.values()].map((log) => ({
        channel: log.channel,
        epoch: log.epoch,
        head: log.head,
        digest: receivedTrie(log, this.#ports.store).digest(),
      })),
    });
    this.#sendAccess(socket);
  }

  #onHomeMessage(socket: SocketId, message: Message): void {
    const home = this.#home;
    if (home?.socket !== socket) return;
    if (message.type === "publish") this.#onPublish(home, message);
    else if (message.type === "report") this.#onReport(home, message.edges);
    else if (message.type === "reconciled") this.#onReconciled(home, message.channel);
    else if (message.type === "reconcile") {
      const log = must(this.#logs.get(message.channel), "channel");
      for (const difference of differences(log, this.#ports.store, message.leaves))
        this.#send(socket, difference);
    } else
      this.#refuse(socket, "protocol-error", `${message.type} does not belong on a home socket`);
  }

  #onReport(home: Home, text: string): void {
    this.#edges = parseEdges(text) ?? this.#edges;
    this.#saveHome(home);
  }

  #saveHome(home: Home): void {
    const fits = JSON.stringify(this.#edges).length <= NOTE_EDGES_CHARS;
    const note: HomeNote = { reconciled: [...home.reconciled], edges: fits ? this.#edges : [] };
    this.#ports.sockets.saveNote(home.socket, JSON.stringify(note));
  }

  #onReconciled(home: Home, channel: Channel): void {
    const log = must(this.#logs.get(channel), "channel");
    this.#ports.store.transaction(() => log.markPopulated());
    home.reconciled.add(channel);
    this.#saveHome(home);
    this.#readers.forgetCheckpoints(channel);
    this.#readers.sendCheckpoints();
  }

  #onReaderMessage(socket: SocketId, message: Message): void {
    if (!this.#readers.has(socket)) {
      this.#refuse(socket, "protocol-error", `${message.type} before the hello`);
      return;
    }
    if (message.type === "repair") this.#readers.onRepair(socket, message.channel, message.leaves);
    else if (message.type === "reader-ack") this.#readers.onAck(socket, message);
    else
      this.#refuse(socket, "protocol-error", `${message.type} does not belong on a watch socket`);
  }

  #onPublish(home: Home, message: Publish): void {
    const log = must(this.#logs.get(message.channel), "channel");
    const { store } = this.#ports;
    const payload = decodePayload(message.payload);
    const result = payload.ok
      ? takeIn(
          message.channel,
          payload.changes,
          {
            admitted: log.admitted,
            hasQuarantine: store.quarantineCount(message.channel) > 0,
            quarantined: (keyHash) => store.quarantined(message.channel, keyHash),
          },
          this.#admission,
        )
      : payload;
    if (!result.ok) {
      this.#refuse(home.socket, "protocol-error", `publish ${message.sequence}: ${result.rule}`);
      return;
    }
    const { intake } = result;
    if (intake.append.length + intake.quarantine.length + intake.release.length > 0)
      store.transaction(() => {
        for (const record of intake.quarantine) store.quarantine(record);
        for (const keyHash of intake.release) store.release(message.channel, keyHash);
        if (intake.append.length > 0)
          log.commit(intake.append, intake.isVerbatim ? message.payload : undefined);
      });
    this.#claim(intake.claims);
    this.#send(home.socket, {
      type: "accepted",
      channel: message.channel,
      sequence: message.sequence,
      epoch: log.epoch,
      revision: log.head,
      refused: intake.refused,
      paceMs: this.#paceMs(),
    });
    if (intake.append.length > 0) this.#committed();
  }

  #committed(): void {
    if (this.#isFactsFresh) this.#readers.pumpAll();
    this.#armCheckpoint();
    if ([...this.#logs.values()].some((log) => log.needsFold)) this.#ports.setTimer("fold", 0);
  }

  /** The settle delay restarts with every commit, up to `CHECKPOINT_MS` after the first unannounced one. */
  #armCheckpoint(): void {
    const now = this.#ports.clock.now();
    if (this.#checkpointStartMs === null) this.#checkpointStartMs = now;
    this.#checkpointDueMs = Math.min(now + SETTLE_MS, this.#checkpointStartMs + CHECKPOINT_MS);
    this.#ports.setTimer("checkpoint", SETTLE_MS);
  }
  #checkpointStartMs: number | null = null;

  #announce(): void {
    this.#checkpointStartMs = null;
    if (this.#isFactsFresh) this.#readers.sendCheckpoints();
  }

  #fold(): void {
    const log = [...this.#logs.values()].find((candidate) => candidate.needsFold);
    if (log === undefined) return;
    log.foldSlice();
    this.#ports.setTimer("fold", 0);
  }

  #claim(claims: readonly RangeClaim[]): void {
    const fresh = claims.filter((claim) => !this.#asked.has(`${claim.use} ${claim.cidr}`));
    if (fresh.length === 0) return;
    for (const claim of fresh) this.#asked.add(`${claim.use} ${claim.cidr}`);
    this.#ports.mesh.claimRanges(fresh);
  }

  /** Judges quarantined records again after ranges have changed, a slice at a time. [ADM9] */
  #rejudgeSlice(): void {
    const position = this.#rejudge;
    if (position === null) return;
    const channel = CHANNELS[position.channel];
    if (channel === undefined) {
      this.#rejudge = null;
      return;
    }
    const { store } = this.#ports;
    const records = store.quarantinedAfter(channel, position.after, REJUDGE_SLICE);
    const last = records.at(-1);
    this.#rejudge =
      last === undefined || records.length < REJUDGE_SLICE
        ? { channel: position.channel + 1, after: new Uint8Array() }
        : { channel: position.channel, after: last.keyHash };
    const admitted: AdmittedChange[] = [];
    const claims: RangeClaim[] = [];
    store.transaction(() => {
      for (const held of records) {
        const decoded = decodeRecord(held.bytes);
        if (!decoded.ok) continue;
        const verdict = judge(decoded.record, this.#admission);
        if (verdict.admitted) {
          store.release(channel, held.keyHash);
          const change = { op: "put", bytes: held.bytes } as const;
          admitted.push({ change, keyHash: held.keyHash, recordHash: held.recordHash });
        } else {
          claims.push(...verdict.claims);
          if (verdict.message !== held.message)
            store.quarantine({
              ...held,
              rule: verdict.rule,
              message: verdict.message,
              claims: verdict.claims,
            });
        }
      }
      if (admitted.length > 0) must(this.#logs.get(channel), "channel").commit(admitted);
    });
    this.#claim(claims);
    if (admitted.length > 0) this.#committed();
    this.#ports.setTimer("rejudge", 0);
  }

  /** Closes what the new facts no longer permit, after they are committed: revoked means from here on. [VIS5] */
  #enforce(facts: OriginFacts): void {
    for (const { socket, peer } of this.#readers.peers()) {
      const permit = facts.removed
        ? ({ reason: "removed", message: "cluster removed" } as const)
        : mayRead(peer, facts);
      if (permit === "yes") continue;
      this.#readers.drop(socket);
      this.#refuse(socket, permit.reason, permit.message);
    }
    const home = this.#home;
    if (home === null) return;
    if (facts.removed)
      this.#refuse(home.socket, "removed", "the cluster was removed from the mesh");
    else if (home.peer.keyGeneration < facts.keyGeneration)
      this.#refuse(home.socket, "unauthenticated", "the cluster's key was replaced by a newer one");
  }

  #requireFacts(): void {
    if (!this.#isFactsFresh) this.#ports.mesh.pullFacts();
  }

  #sendAccess(socket: SocketId): void {
    const { readers: _private, ...own } = must(this.#facts, "facts");
    this.#send(socket, { type: "access", facts: JSON.stringify(own) });
  }

  /** Milliseconds between a publisher's frames: grows with the readers that each frame must be sent to. */
  #paceMs(): number {
    return Math.max(5, Math.ceil(this.#readers.size / 8));
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

/** The relay is trusted with its own status, not with the hub's memory: at most 1,000 edges, `null` for anything malformed. */
function parseEdges(text: string): EdgeReport[] | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.length <= 1000 ? (parsed as EdgeReport[]) : null;
  } catch {
    return null;
  }
}
