/**
 * The Origin object in its own runtime: real WebSockets, real storage, and an eviction between any
 * two messages.
 */
import { env } from "cloudflare:workers";
import { evictDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";

import { MemoryView } from "../../relay/view/memory-view.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import { closeReasonOf } from "../../shared/protocol/errors.ts";
import type { Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { OriginStatus, QuarantineEntry } from "../../shared/visibility/origin-status.ts";
import type { MeshAdmin } from "../../worker/mesh/mesh-calls.ts";
import { meshStub } from "../../worker/mesh/mesh-stub.ts";
import type { Outcome } from "../../worker/mesh/outcome.ts";
import { INTERNAL_HEADERS, originObjectName } from "../../worker/ports.ts";
import { address, pod, put } from "../support/records.ts";

const { MESH, ORIGIN } = env as unknown as {
  readonly MESH: DurableObjectNamespace;
  readonly ORIGIN: DurableObjectNamespace;
};

function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.refusal.detail);
  return outcome.value;
}

/** One end of a socket to the object. */
class Peer {
  readonly #socket: WebSocket;
  readonly #inbox: Message[] = [];
  #wake: () => void = () => undefined;
  closed: string | null = null;
  received = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    // The newer default is a Blob, which is read asynchronously.
    (socket as unknown as { binaryType: string }).binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", (event) => {
      const bytes = new Uint8Array(event.data as ArrayBuffer);
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(decoded.rule);
      this.received += bytes.length;
      this.#inbox.push(decoded.message);
      this.#wake();
    });
    socket.addEventListener("close", (event) => {
      this.closed = closeReasonOf(event.code) ?? String(event.code);
      this.#wake();
    });
  }

  send(message: Message): void {
    this.#socket.send(encodeMessage(message));
  }

  async any(): Promise<Message> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message !== undefined) return message;
      if (this.closed !== null) throw new Error(`closed (${this.closed})`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next message of a type; those before it, and itself, are given to `also`. */
  async next<T extends Message["type"]>(
    type: T,
    also: (message: Message) => void = () => undefined,
  ): Promise<Extract<Message, { type: T }>> {
    for (;;) {
      const message = await this.any();
      also(message);
      if (message.type === type) return message as Extract<Message, { type: T }>;
    }
  }

  async untilClosed(): Promise<string> {
    while (this.closed === null) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.closed;
  }
}

class World {
  readonly mesh: MeshAdmin;
  readonly stub: DurableObjectStub;
  readonly #name: string;
  readonly #meshId: string;
  readonly db: string;
  readonly app: string;

  private constructor(name: string, meshId: string, db: string, app: string) {
    this.#name = name;
    this.#meshId = meshId;
    this.db = db;
    this.app = app;
    this.mesh = meshStub(MESH, name);
    this.stub = ORIGIN.get(ORIGIN.idFromName(originObjectName(meshId, db)));
  }

  static async create(name: string): Promise<World> {
    const mesh = meshStub(MESH, name);
    const { id } = valueOf(await mesh.createMesh(name));
    const app = valueOf(await mesh.addCluster("app")).cluster.uid;
    const db = valueOf(await mesh.addCluster("db", { cidrs: ["10.20.0.0/16"] })).cluster.uid;
    valueOf(
      await mesh.applyRcc(
        "app",
        { name: "db", remoteName: "db", overlayRoutingMode: "Disabled", annotations: {}, spec: {} },
        "apply",
      ),
    );
    valueOf(await mesh.createGrant("db", "app"));
    return new World(name, id, db, app);
  }

  /** Nothing to do when no event has woken it since the last time. */
  async evict(): Promise<void> {
    try {
      await evictDurableObject(this.stub, { webSockets: "hibernate" });
    } catch (error) {
      if (!/not currently running/.test(String(error))) throw error;
    }
  }

  async connect(role: "home" | "watch", clusterUid: string, tokenId = ""): Promise<Peer> {
    const { webSocket } = await this.upgrade(role, clusterUid, tokenId);
    if (webSocket === null) throw new Error("no upgrade");
    return new Peer(webSocket);
  }

  upgrade(role: "home" | "watch", clusterUid: string, tokenId: string): Promise<Response> {
    const headers = {
      upgrade: "websocket",
      [INTERNAL_HEADERS.role]: role,
      [INTERNAL_HEADERS.clusterUid]: clusterUid,
      [INTERNAL_HEADERS.keyGeneration]: "1",
      [INTERNAL_HEADERS.meshId]: this.#meshId,
      [INTERNAL_HEADERS.meshName]: this.#name,
      [INTERNAL_HEADERS.originUid]: this.db,
      [INTERNAL_HEADERS.tokenId]: tokenId,
      [INTERNAL_HEADERS.tokenIssuedMs]: String(Date.now()),
    };
    return this.stub.fetch("http://origin/", { headers });
  }

  async publisher(tokenId = ""): Promise<Peer> {
    const home = await this.connect("home", this.db, tokenId);
    home.send({
      type: "home-hello",
      versions: [1],
      software: "test",
      accessVersion: 0,
      leaseUid: "",
      term: 0,
      candidate: null,
    });
    await home.next("home-welcome");
    return home;
  }

  status(): Promise<OriginStatus> {
    return (this.stub as unknown as { status(): Promise<OriginStatus> }).status();
  }

  quarantine(): Promise<QuarantineEntry[]> {
    return (
      this.stub as unknown as { quarantine(limit: number): Promise<QuarantineEntry[]> }
    ).quarantine(10);
  }
}

/** A reader of the identity channel with a real view. */
class Reader {
  readonly view = new MemoryView("identity");
  readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
    peer.send({
      type: "watch-hello",
      versions: [1],
      software: "test",
      accessVersion: 0,
      creditBytes: 4_000_000,
      channels: ["identity"],
      cursors: this.view.cursor === null ? [] : [{ channel: "identity", ...this.view.cursor }],
    });
  }

  /** Takes messages until the view is as wanted; acknowledges each. */
  async until(check: (view: MemoryView) => boolean): Promise<void> {
    while (!check(this.view)) {
      const message = await this.peer.any();
      if (!("channel" in message)) continue;
      const { repair } = this.view.onMessage(message as WatchMessage);
      if (repair)
        this.peer.send({
          type: "repair",
          origin: 0,
          channel: "identity",
          leaves: this.view.trie.leaves(),
        });
      this.peer.send({
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        ...this.view.acknowledged,
        receivedBytes: this.peer.received,
        mark: null,
      });
    }
  }

  names(): string[] {
    return [...this.view.records()]
      .map(({ record }) => ("name" in record ? record.name : ""))
      .toSorted();
  }
}

async function publish(home: Peer, sequence: number, ...changes: LogChange[]): Promise<number> {
  home.send({ type: "publish", channel: "identity", sequence, payload: encodePayload(changes) });
  return (await home.next("accepted")).revision;
}

test("[CRE21] a token opens one connection", async () => {
  const world = await World.create("tokens");
  const token = "t".repeat(22);
  await world.publisher(token);
  const again = await world.upgrade("home", world.db, token);
  expect([again.status, await again.text()]).toEqual([401, "token-used"]);
});

test("[LOG10] evicted between any two messages, the object loses nothing and its reader stays on", async () => {
  const world = await World.create("evicted-origin");
  const home = await world.publisher();
  await world.evict();
  const reader = new Reader(await world.connect("watch", world.app));
  await reader.until((view) => view.health().verified !== null);
  const names: string[] = [];
  for (let n = 0; n < 12; n++) {
    await world.evict();
    await publish(home, n + 1, put(pod(`p${n}`, address(n))));
    names.push(`p${n}`);
    await world.evict();
    await reader.until((view) => view.cursor?.revision === n + 1);
  }
  await world.evict();
  await publish(home, 13, {
    op: "delete",
    keyHash: hashKey(keyOf(pod("p0", address(0)))),
    cause: "observed",
  });
  for (const channel of FELIX_CHANNELS) home.send({ type: "reconciled", channel });
  await reader.until((view) => view.health().isInSync);
  expect(reader.names()).toEqual(names.filter((name) => name !== "p0").toSorted());
});

test("[LOG11] what was acknowledged is there after the sockets and the instance are gone", async () => {
  const world = await World.create("kept-origin");
  const home = await world.publisher();
  for (let n = 0; n < 5; n++) await publish(home, n + 1, put(pod(`p${n}`, address(n))));
  await evictDurableObject(world.stub, { webSockets: "close" });
  const status = await world.status();
  expect(status).toMatchObject({
    publisher: "absent",
    channels: [{ channel: "identity", head: 5, admitted: 5 }, {}, {}, {}],
  });
  const reader = new Reader(await world.connect("watch", world.app));
  await reader.until((view) => view.health().verified !== null);
  expect(reader.names()).toEqual(["p0", "p1", "p2", "p3", "p4"]);
});

test("[ADM8] quarantine and terms survive an eviction", async () => {
  const world = await World.create("quarantined-origin");
  const home = await world.publisher();
  await publish(home, 1, put(pod("stray", "192.168.1.1")));
  await world.evict();
  expect(await world.quarantine()).toMatchObject([{ rule: "outside-pod-ranges" }]);
  const second = await world.publisher();
  expect(await home.untilClosed()).toBe("superseded");
  const older = await world.connect("home", world.db);
  older.send({
    type: "home-hello",
    versions: [1],
    software: "test",
    accessVersion: 0,
    leaseUid: "",
    term: 1,
    candidate: null,
  });
  expect(await older.untilClosed()).toBe("superseded");
  expect(second.closed).toBe(null);
});

test("[VIS5] a revoked grant closes the reader of a sleeping object, and a later frame is not sent to it", async () => {
  const world = await World.create("revoked-origin");
  const home = await world.publisher();
  const reader = new Reader(await world.connect("watch", world.app));
  await reader.until((view) => view.health().verified !== null);
  await world.evict();
  valueOf(await world.mesh.deleteGrant("db", "app"));
  expect(await reader.peer.untilClosed()).toBe("access-denied");
  await publish(home, 1, put(pod("secret", address(1))));
  expect(reader.names()).toEqual([]);
});

test("[VIS7] a removed cluster's object forgets its log and lets nobody in", async () => {
  const world = await World.create("removed-origin");
  const home = await world.publisher();
  await publish(home, 1, put(pod("a", address(1))));
  valueOf(await world.mesh.removeCluster("db"));
  expect(await home.untilClosed()).toBe("removed");
  await world.evict();
  const again = await world.connect("home", world.db);
  again.send({
    type: "home-hello",
    versions: [1],
    software: "test",
    accessVersion: 0,
    leaseUid: "",
    term: 0,
    candidate: null,
  });
  expect(await again.untilClosed()).toBe("removed");
});
