/** A feeder and its followers without a network: real views in files, a hub's log made here. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { Feeder, HOME } from "../../../relay/feed/feeder.ts";
import type { FeedFrame, FeedPipeHandlers } from "../../../relay/feed/frames.ts";
import { decodeFeedFrame, encodeFeedFrame } from "../../../relay/feed/frames.ts";
import { BLOBS_IN_TURN, ROOM_BYTES } from "../../../relay/feed/watch-stream.ts";
import type { HeadQuestion } from "../../../relay/hub/head-questions.ts";
import { RemoteView } from "../../../relay/view/remote-view.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import { nextChain, NO_CHAIN } from "../../../shared/log/cursor.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { decodeMessage, encodeMessage } from "../../../shared/protocol/codec.ts";
import type { Head } from "../../../shared/protocol/head-messages.ts";
import type {
  Checkpoint,
  Frame,
  Message,
  WatchMessage,
} from "../../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../../shared/protocol/version.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { address, pod, putOf } from "../../support/records.ts";

const ORIGIN = "b".repeat(32);
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newView(): RemoteView {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-feed-"));
  folders.push(folder);
  const header = { rcc: "db", meshId: "m", originUid: ORIGIN, originName: "db" };
  return new RemoteView(new ViewFile(join(folder, "db.view")), header);
}

/** The identity channel of an origin, as its hub sends it. */
class Log {
  readonly trie = new HashTrie();
  revision = 0;
  chain: Uint8Array = NO_CHAIN;
  readonly epoch: string;

  constructor(epoch = "e1") {
    this.epoch = epoch;
  }

  frame(n: number): Frame {
    const change = putOf(pod(`pod-${n}`, address(n)));
    if (change.op !== "put") throw new Error("no put");
    this.trie.set(change.keyHash, change.recordHash, 0);
    const payload = encodePayload([change]);
    const previous = this.chain;
    this.revision++;
    this.chain = nextChain(previous, this.revision, payload);
    const { revision } = this;
    return {
      type: "frame",
      origin: 0,
      channel: "identity",
      revision,
      previous,
      payload,
      settled: null,
    };
  }

  checkpoint(): Checkpoint {
    const { epoch, revision } = this;
    const at = { type: "checkpoint", origin: 0, channel: "identity", epoch, revision } as const;
    return { ...at, digest: this.trie.digest(), populated: true, sweep: true };
  }

  begin(): WatchMessage[] {
    const { epoch, revision, chain } = this;
    const of = { origin: 0, channel: "identity" } as const;
    return [
      { ...of, type: "repair-needed", epoch, reason: "first-contact" },
      { ...of, type: "repair-plan", epoch, head: revision, blobs: 0, after: revision, chain },
    ];
  }
}

/** A relay that feeds: its view, and what the hub has sent it. */
class FeederRig {
  readonly view = newView();
  accessVersion = 7;
  feeds = true;
  reports = 0;
  /** What the hub was asked, by followers. */
  readonly asked: { answer: readonly Head[] | null; isLost: boolean }[] = [];
  canAsk = true;
  readonly #soon: (() => void)[] = [];
  readonly feeder = new Feeder({
    facts: () => ({
      text: `{"accessVersion":${this.accessVersion}}`,
      accessVersion: this.accessVersion,
    }),
    view: (uid) => (uid === ORIGIN ? this.view : null),
    state: () => ({ feeds: this.feeds, hub: true }),
    isOpen: (target) => target === HOME || target === ORIGIN,
    ask: () => this.ask(),
    onReports: () => this.reports++,
    after: (_ms, run) => this.#soon.push(run),
  });

  ask(): HeadQuestion | null {
    if (!this.canAsk) return null;
    this.asked.push({ answer: null, isLost: false });
    return this.asked.at(-1) ?? null;
  }

  /** What waited for its turn; whether anything did. */
  runSoon(): boolean {
    const runs = this.#soon.splice(0);
    for (const run of runs) run();
    return runs.length > 0;
  }

  /** The hub answers what it was asked last. */
  answer(heads: readonly Head[], target = ORIGIN): void {
    const last = this.asked.at(-1);
    if (last !== undefined) last.answer = heads;
    this.feeder.onMessage(target, { type: "heads", token: 1, heads });
  }

  fromHub(...messages: readonly WatchMessage[]): void {
    for (const message of messages) {
      this.view.onMessage(message);
      this.feeder.onMessage(ORIGIN, message);
    }
  }
}

/** A follower: its view, over a pipe that hands over at once. */
class Follower {
  readonly view: RemoteView;
  readonly got: FeedFrame[] = [];
  backlogBytes = 0;
  readonly #feeder: FeedPipeHandlers;
  #stream = 0;

  readonly #onMessage: () => void;

  constructor({ feeder }: FeederRig, view = newView(), onMessage = (): void => undefined) {
    this.view = view;
    this.#onMessage = onMessage;
    const backlogBytes = (): number => this.backlogBytes;
    this.#feeder = feeder.accept("follower", {
      send: (frame) => this.#received(frame),
      get backlogBytes() {
        return backlogBytes();
      },
      close: () => undefined,
    });
  }

  open(accessVersion = 0, versions = PROTOCOL_VERSIONS): void {
    this.view.onConnect();
    this.#stream++;
    this.#feeder.onFrame({ type: "open", stream: this.#stream, target: ORIGIN });
    this.send({
      type: "watch-hello",
      versions,
      software: "test",
      accessVersion,
      creditBytes: 1,
      channels: CHANNELS,
      cursors: this.view.cursors(),
    });
  }

  openHome(): void {
    this.#stream++;
    this.#feeder.onFrame({ type: "open", stream: this.#stream, target: HOME });
  }

  send(message: Message): void {
    const bytes = encodeMessage(message);
    this.#feeder.onFrame({ type: "message", stream: this.#stream, bytes });
  }

  /** Types of the messages, in order. */
  get types(): string[] {
    return this.got.flatMap((frame) =>
      frame.type === "message"
        ? messageIn(frame.bytes).type
        : frame.type === "closed"
          ? "closed"
          : [],
    );
  }

  get isEqual(): boolean {
    const { verified, cursor } = this.view.health("identity");
    return verified !== null && verified.revision === cursor?.revision;
  }

  #received(sent: FeedFrame): void {
    const frame = decodeFeedFrame(encodeFeedFrame(sent));
    if (frame === null) throw new Error("no frame");
    this.got.push(frame);
    if (frame.type !== "message") return;
    this.#onMessage();
    const { answer } = this.view.onMessage(messageIn(frame.bytes) as WatchMessage);
    if (answer !== null) this.send(answer);
  }
}

function messageIn(bytes: Uint8Array): Message {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.rule);
  return decoded.message;
}

/** A feeder whose view is proven equal to a log of so many pods. */
function fedWith(pods: number): { rig: FeederRig; log: Log } {
  const rig = new FeederRig();
  const log = new Log();
  rig.fromHub(...log.begin());
  for (let n = 0; n < pods; n++) rig.fromHub(log.frame(n));
  rig.fromHub(log.checkpoint());
  return { rig, log };
}

test("[FEE3] a new follower is repaired from the feeder's view, then gets what comes unchanged", () => {
  const { rig, log } = fedWith(1_500);
  const follower = new Follower(rig);
  follower.open();
  expect(follower.isEqual).toBe(true);
  expect(follower.view.size).toBe(1_500);
  const [frame, checkpoint] = [log.frame(2_000), log.checkpoint()];
  const before = follower.types.length;
  rig.fromHub(frame, checkpoint);
  expect(follower.types.slice(before)).toEqual(["frame", "checkpoint"]);
  const sent = follower.got.flatMap((one) => (one.type === "message" ? messageIn(one.bytes) : []));
  expect(sent.slice(-2)).toEqual([frame, checkpoint]);
  expect(follower.isEqual).toBe(true);
});

test("[API55] [PRO1] a follower is told when a frame was seen, one of an older version is not", () => {
  for (const [versions, seenMs] of [
    [PROTOCOL_VERSIONS, 77],
    [[4, 3, 2, 1], undefined],
  ] as const) {
    const { rig, log } = fedWith(2);
    const follower = new Follower(rig);
    follower.open(0, versions);
    rig.fromHub({ ...log.frame(9), seenMs: 77 }, log.checkpoint());
    const frames = follower.got.flatMap((one) => {
      const message = one.type === "message" ? messageIn(one.bytes) : null;
      return message?.type === "frame" ? [message.seenMs] : [];
    });
    expect(frames).toEqual([seenMs]);
    expect(follower.isEqual).toBe(true);
  }
});

test("[FEE3] nothing is given on before the hub has confirmed the view, nor by a view that is repaired", () => {
  const rig = new FeederRig();
  const log = new Log();
  rig.fromHub(...log.begin(), log.frame(1));
  const follower = new Follower(rig);
  follower.open();
  expect(follower.types).toEqual(["watch-welcome"]);
  rig.fromHub(log.checkpoint());
  expect(follower.isEqual).toBe(true);
  // The digest is another: the feeder asks the hub, and its followers are not in sync meanwhile.
  rig.feeder.onRepairAsked(ORIGIN, "identity");
  expect(follower.types.at(-1)).toBe("closed");
  follower.open();
  rig.fromHub(log.frame(2));
  expect(follower.types.at(-1)).toBe("watch-welcome");
});

test("[FEE4] who was at another feeder goes on where it stands, by the messages that are kept", () => {
  const { rig, log } = fedWith(20);
  const follower = new Follower(rig);
  follower.open();
  for (let n = 20; n < 30; n++) rig.fromHub(log.frame(n));
  rig.fromHub(log.checkpoint());
  const other = new FeederRig();
  const again = new Log();
  other.fromHub(...again.begin());
  for (let n = 0; n < 20; n++) other.fromHub(again.frame(n));
  other.fromHub(again.checkpoint());
  const moved = new Follower(other, follower.view);
  moved.open();
  // It is further than this feeder, which says nothing until it has got there.
  expect(moved.types).toEqual(["watch-welcome"]);
  for (let n = 20; n < 29; n++) other.fromHub(again.frame(n));
  expect(moved.types).toEqual(["watch-welcome"]);
  for (let n = 29; n < 32; n++) other.fromHub(again.frame(n));
  other.fromHub(again.checkpoint());
  expect(moved.types).not.toContain("blob");
  expect(moved.isEqual).toBe(true);
  expect(moved.view.size).toBe(32);
});

test("[FEE4] who is too far behind, or of another epoch, gets the parts that differ only", () => {
  const { rig } = fedWith(4_000);
  const view = newView();
  const old = new Log("e0");
  for (const message of old.begin()) view.onMessage(message);
  for (let n = 0; n < 3_999; n++) view.onMessage(old.frame(n));
  const follower = new Follower(rig, view);
  follower.open();
  expect(follower.types.filter((type) => type === "blob")).toHaveLength(1);
  expect(follower.isEqual).toBe(true);
  expect(view.size).toBe(4_000);
});

test("[FEE9] followers of a large view are repaired in turns, each of them to its end", () => {
  const { rig } = fedWith(10_000);
  const followers = [new Follower(rig), new Follower(rig)];
  const blobs = (): number[] =>
    followers.map(({ types }) => types.filter((type) => type === "blob").length);
  for (const follower of followers) follower.open();
  expect(blobs()).toEqual([BLOBS_IN_TURN, BLOBS_IN_TURN]);
  expect(rig.runSoon()).toBe(true);
  expect(blobs().map((count) => count <= 2 * BLOBS_IN_TURN)).toEqual([true, true]);
  while (rig.runSoon());
  expect(followers.map(({ isEqual }) => isEqual)).toEqual([true, true]);
  expect(followers.map(({ view }) => view.size)).toEqual([10_000, 10_000]);
  // One that takes nothing is sent nothing, and ends when it takes again.
  const slow = new Follower(rig);
  slow.open();
  slow.backlogBytes = ROOM_BYTES + 1;
  for (let n = 0; n < 10; n++) rig.runSoon();
  expect(slow.types.filter((type) => type === "blob")).toHaveLength(BLOBS_IN_TURN);
  slow.backlogBytes = 0;
  while (rig.runSoon());
  expect(slow.isEqual).toBe(true);
});

test("[FEE10] each of three followers is told first, then last", () => {
  const { rig, log } = fedWith(3);
  const told: number[] = [];
  const followers = [0, 1, 2].map((n) => new Follower(rig, newView(), () => told.push(n)));
  for (const follower of followers) follower.open();
  told.length = 0;
  for (let n = 3; n < 7; n++) rig.fromHub(log.frame(n));
  const firsts = [0, 3, 6, 9].map((at) => told[at]);
  expect(new Set(firsts.slice(0, 3))).toEqual(new Set([0, 1, 2]));
  expect(firsts[3]).toBe(firsts[0]);
  expect(told.slice(3, 6).at(-1)).toBe(firsts[0]);
  expect(followers.map(({ view }) => view.size)).toEqual([7, 7, 7]);
});

test("[FEE5] a follower that takes nothing is sent nothing more, and continues when it takes again", () => {
  const { rig, log } = fedWith(10);
  const follower = new Follower(rig);
  follower.open();
  follower.backlogBytes = ROOM_BYTES + 1;
  const before = follower.types.length;
  for (let n = 10; n < 60; n++) rig.fromHub(log.frame(n));
  rig.fromHub(log.checkpoint());
  expect(follower.types.slice(before)).toEqual([]);
  follower.backlogBytes = 0;
  rig.feeder.onTick();
  expect(follower.types.slice(before).filter((type) => type === "frame")).toHaveLength(50);
  expect(follower.isEqual).toBe(true);
});

test("[FEE8] a follower that knows newer facts is sent nothing of an origin before the feeder has them", () => {
  const { rig } = fedWith(3);
  const follower = new Follower(rig);
  follower.open(8);
  expect(follower.types).toEqual([]);
  rig.accessVersion = 8;
  rig.feeder.onFacts();
  expect(follower.isEqual).toBe(true);
  expect(follower.got.filter(({ type }) => type === "facts")).toHaveLength(2);
});

test("[FEE8] what the feeder may not see any more is closed, and nothing of it is kept", () => {
  const { rig, log } = fedWith(3);
  const follower = new Follower(rig);
  follower.open();
  rig.feeder.onDown(ORIGIN, true);
  expect(follower.types.at(-1)).toBe("closed");
  const before = follower.types.length;
  rig.feeder.onMessage(ORIGIN, log.frame(4));
  expect(follower.types).toHaveLength(before);
});

test("[FEE2] frames of another kind are refused, not guessed at", () => {
  for (const bytes of [[], [0], [100, 0, 0, 0, 1], [109, 123], [109, 123, 125]])
    expect(decodeFeedFrame(Buffer.from(bytes))).toBe(null);
  const frame = { type: "closed", stream: 1, reason: "no-such", message: "" };
  expect(decodeFeedFrame(Buffer.from(`m${JSON.stringify(frame)}`))).toBe(null);
});

test("[FEE2] a relay that feeds no more lets its followers go", () => {
  const { rig } = fedWith(3);
  const follower = new Follower(rig);
  follower.open();
  rig.feeds = false;
  rig.feeder.tellState();
  expect(follower.got.slice(-2)).toEqual([
    { type: "state", feeds: false, hub: true },
    expect.objectContaining({ type: "closed" }),
  ]);
});

const HEADS: readonly Head[] = [{ channel: "identity", epoch: "e1", revision: 9 }];

function headsTo(follower: Follower): Message[] {
  const sent = follower.got.flatMap((one) => (one.type === "message" ? messageIn(one.bytes) : []));
  return sent.filter(({ type }) => type === "heads");
}

test("[FEE11] a follower's question how far the hub is goes to the hub, and its answer comes back", () => {
  const { rig } = fedWith(2);
  const [one, other] = [new Follower(rig), new Follower(rig)];
  one.open();
  other.open();
  one.send({ type: "ask-heads", token: 5 });
  // The feeder may be behind the hub itself: it does not answer of its own.
  expect(headsTo(one)).toEqual([]);
  rig.answer(HEADS);
  expect(headsTo(one)).toEqual([{ type: "heads", token: 5, heads: HEADS }]);
  expect(headsTo(other)).toEqual([]);
  rig.answer(HEADS);
  expect(headsTo(one)).toHaveLength(1);
});

test("[FEE11] a feeder that cannot ask yet does when it can; nothing is said of a stream that is closed", () => {
  const { rig, log } = fedWith(2);
  const follower = new Follower(rig);
  follower.open();
  rig.canAsk = false;
  follower.send({ type: "ask-heads", token: 5 });
  rig.canAsk = true;
  rig.fromHub(log.frame(7));
  expect(rig.asked).toHaveLength(1);
  rig.feeder.onDown(ORIGIN, false);
  rig.answer(HEADS);
  expect(headsTo(follower)).toEqual([]);
});

test("[FEE11] on home the answer comes behind the facts", () => {
  const { rig } = fedWith(0);
  const follower = new Follower(rig);
  follower.openHome();
  follower.send({ type: "ask-heads", token: 3 });
  rig.accessVersion = 8;
  rig.feeder.onFacts();
  rig.answer([], HOME);
  const tail = follower.got.slice(-2);
  expect(tail[0]).toEqual({ type: "facts", facts: '{"accessVersion":8}' });
  expect(headsTo(follower)).toEqual([{ type: "heads", token: 3, heads: [] }]);
});
