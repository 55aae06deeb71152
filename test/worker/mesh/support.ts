/** A hub in memory: the real Mesh, app and keys, over Origins and a clock that the test holds. */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { must } from "../../../shared/lib/assert.ts";
import { toHex } from "../../../shared/lib/bytes.ts";
import { sha256 } from "../../../shared/lib/hash.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import type { OriginStatus, QuarantineEntry } from "../../../shared/visibility/origin-status.ts";
import { createApp } from "../../../worker/app.ts";
import { importHubKey } from "../../../worker/auth/hub-key.ts";
import type { HubKeys } from "../../../worker/auth/hub-key.ts";
import { Directory } from "../../../worker/mesh/directory.ts";
import { MeshService } from "../../../worker/mesh/mesh-service.ts";
import type { MeshServicePorts } from "../../../worker/mesh/mesh-service.ts";
import { SqlMeshStore } from "../../../worker/mesh/mesh-store.ts";
import type { CollectionName, MeshStore } from "../../../worker/mesh/mesh-store.ts";
import { Mesh } from "../../../worker/mesh/mesh.ts";
import { OwnObjects } from "../../../worker/mesh/own-objects.ts";
import { Idempotency } from "../../../worker/mesh/idempotency.ts";
import { MeshRehearsal } from "../../../worker/mesh/rehearsal.ts";
import { ApiTokens } from "../../../worker/mesh/tokens/api-tokens.ts";
import { Deliverer } from "../../../worker/mesh/webhooks/deliverer.ts";
import type { Payload } from "../../../shared/webhooks/payload.ts";
import type { Post } from "../../../worker/mesh/webhooks/post.ts";
import { WebhookService } from "../../../worker/mesh/webhooks/webhook-service.ts";
import type { Outcome } from "../../../worker/mesh/outcome.ts";
import type { Collections } from "../../../worker/mesh/registry.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { MemberDials } from "../../../worker/origin/budgets/member-dials.ts";
import { RequestRates } from "../../../worker/origin/budgets/request-rates.ts";
import { UsedTokens } from "../../../worker/origin/access/used-tokens.ts";
import { mayDial } from "../../../worker/origin/access/permits.ts";
import { objectsOf, placeOf } from "../../../worker/place.ts";
import { INTERNAL_HEADERS, originObjectName } from "../../../worker/ports.ts";
import type {
  Dial,
  DialPermit,
  OriginCalls,
  ShownDifference,
  ShownToken,
  TokenPermit,
} from "../../../worker/ports.ts";

/** The other implementation of the contract: what the SQL one must equal. */
export class MemoryMeshStore implements MeshStore {
  #rows = new Map<string, string>();

  get<N extends CollectionName>(collection: N, id: string): Collections[N] | undefined {
    const body = this.#rows.get(`${collection} ${id}`);
    return body === undefined ? undefined : (JSON.parse(body) as Collections[N]);
  }

  put<N extends CollectionName>(collection: N, id: string, row: Collections[N]): void {
    this.#rows.set(`${collection} ${id}`, JSON.stringify(row));
  }

  delete(collection: CollectionName, id: string): void {
    this.#rows.delete(`${collection} ${id}`);
  }

  list<N extends CollectionName>(
    collection: N,
    prefix = "",
  ): readonly (readonly [string, Collections[N]])[] {
    const start = `${collection} ${prefix}`;
    return [...this.#rows]
      .filter(([key]) => key.startsWith(start))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([key, body]) =>
          [key.slice(collection.length + 1), JSON.parse(body) as Collections[N]] as const,
      );
  }

  after<N extends CollectionName>(
    collection: N,
    id: string,
    limit: number,
  ): readonly (readonly [string, Collections[N]])[] {
    return this.list(collection)
      .filter(([found]) => found > id)
      .slice(0, limit);
  }

  count(collection: CollectionName, prefix = ""): number {
    return this.list(collection, prefix).length;
  }

  transaction<T>(work: () => T): T {
    const before = new Map(this.#rows);
    try {
      return work();
    } catch (error) {
      this.#rows = before;
      throw error;
    }
  }
}

/** An Origin that keeps the newest facts, and fails or hangs when told to. */
export class FakeOrigin implements OriginCalls {
  facts: OriginFacts | null = null;
  mode: "works" | "fails" | "hangs" = "works";
  requests: Request[] = [];
  report: Partial<OriginStatus> = {};
  entries: readonly QuarantineEntry[] = [];

  async setFacts(facts: OriginFacts): Promise<{ accessVersion: number }> {
    await this.#obey();
    if (this.facts === null || facts.accessVersion > this.facts.accessVersion) this.facts = facts;
    return { accessVersion: this.facts.accessVersion };
  }

  async status(): Promise<OriginStatus> {
    await this.#obey();
    return {
      cluster: this.facts?.cluster ?? { uid: "", name: "" },
      publisher: "absent",
      takenOver: null,
      lastSeenMs: 0,
      channels: [],
      quarantined: 0,
      quarantinedEndpoints: 0,
      partlyAdmitted: 0,
      report: null,
      scopes: [],
      edges: [],
      relays: 0,
      edgeRelays: [],
      ...this.report,
    };
  }

  async mayDial(dial: Dial): Promise<DialPermit> {
    await this.#obey();
    const used = this.#useToken(dial.clusterUid, dial.token);
    return used === "yes" ? mayDial(this.facts, dial, true) : used;
  }

  async quarantine(): Promise<readonly QuarantineEntry[]> {
    await this.#obey();
    return this.entries;
  }

  /** Keys that a narrowed range would take. */
  held: readonly string[] = [];

  async refusedBy(): ReturnType<OriginCalls["refusedBy"]> {
    await this.#obey();
    return this.held.map((key) => ({ key, message: "outside" }));
  }

  /** What it is asked to compare, and what it answers. */
  readonly compared: unknown[] = [];
  difference: ShownDifference = {
    appear: { endpoints: 0, namespaces: 0, records: 0 },
    disappear: { endpoints: 0, namespaces: 0, records: 0 },
    change: { endpoints: 0, namespaces: 0, records: 0 },
    sharedAddresses: [],
  };
  addresses: readonly string[] = [];

  async compareShown(
    ...question: Parameters<OriginCalls["compareShown"]>
  ): ReturnType<OriginCalls["compareShown"]> {
    await this.#obey();
    this.compared.push(question);
    return this.difference;
  }

  async whichHeld(addresses: readonly string[]): ReturnType<OriginCalls["whichHeld"]> {
    await this.#obey();
    return addresses.filter((address) => this.addresses.includes(address));
  }

  async fetch(request: Request): Promise<Response> {
    this.requests.push(request);
    const header = (name: string): string => request.headers.get(name) ?? "";
    const id = header(INTERNAL_HEADERS.tokenId);
    const issuedMs = Number(header(INTERNAL_HEADERS.tokenIssuedMs));
    const used = this.#useToken(
      header(INTERNAL_HEADERS.clusterUid),
      id === "" ? null : { id, issuedMs },
    );
    return used === "yes" ? Response.json({ taken: true }) : new Response(used, { status: 401 });
  }

  readonly #tokens = new UsedTokens();

  /** As the object does it, at the time of the token. */
  #useToken(cluster: string, token: ShownToken | null): TokenPermit {
    return token === null ? "yes" : this.#tokens.use(cluster, token, token.issuedMs);
  }

  async #obey(): Promise<void> {
    if (this.mode === "fails") throw new Error("the Origin is broken");
    if (this.mode === "hangs") await new Promise(() => {});
  }
}

/** This project does not know Cloudflare's types. */
type Namespace = Parameters<typeof placeOf>[0];

/** Objects on a platform that knows these jurisdictions, and throws for another as workerd does. */
export function namespaceOf(known: readonly string[]): Namespace {
  const namespace = {
    jurisdiction: (where: string) => {
      if (!known.includes(where)) throw new Error("Jurisdiction restrictions are not implemented.");
      return namespace;
    },
  };
  return namespace as never;
}

export const ADMIN_TOKEN = "test-admin-token";

export class TestHub {
  nowMs = Date.UTC(2026, 10, 21);
  readonly origins = new Map<string, FakeOrigin>();
  readonly app: OpenAPIHono;
  /** When each mesh asked to be woken. */
  readonly alarms = new Map<string, number>();
  readonly #services = new Map<string, MeshService>();
  readonly #meshes = new Map<string, Mesh>();
  #keys: Promise<HubKeys> | null = null;
  #random = 0;
  readonly directory = new Directory(new MemoryMeshStore());

  constructor() {
    const { directory } = this;
    this.app = createApp({
      clock: { now: () => this.nowMs },
      adminTokenHash: toHex(sha256(new TextEncoder().encode(ADMIN_TOKEN))),
      hubKeys: () => this.hubKeys(),
      onOlderKey: (mesh, cluster) => this.olderKeys.push(`${mesh}/${cluster}`),
      hasRoom: () => this.hasRoom,
      dialWaitMs: (member) => this.#dials.dial(member, this.nowMs),
      mesh: (name, who) => {
        objectsOf(this.platform, this.jurisdiction, name);
        this.touched.add(`mesh:${name}`);
        return this.service(name, who);
      },
      idempotency: (name) => new Idempotency(this.mesh(name)),
      rehearsal: (name) => new MeshRehearsal(this.mesh(name)),
      webhooks: (name) => this.webhooks(name),
      own: (name) => {
        this.touched.add(`mesh:${name}`);
        const mesh = this.mesh(name);
        return new OwnObjects(mesh, must(this.#ports.get(name), "the ports of a mesh"));
      },
      tokens: (name) => new ApiTokens(this.mesh(name)),
      requestWaitMs: (token) => this.#rates.request(token, this.nowMs),
      directory: () => directory,
      origin: (mesh, uid) => {
        objectsOf(this.platform, this.jurisdiction, mesh.name);
        const name = originObjectName(mesh.id, uid);
        this.touched.add(name);
        return this.originNamed(name);
      },
      place: (name) => placeOf(this.platform, this.jurisdiction, name),
    });
  }

  /** As Cloudflare's, which knows these jurisdictions. */
  platform: Namespace = namespaceOf(["eu", "us", "fedramp", "fedramp-high"]);
  /** Of the hub. */
  jurisdiction: string | undefined = undefined;
  hasRoom = true;
  /** Clusters that came with a membership by an older key of the hub. */
  readonly olderKeys: string[] = [];
  readonly #dials = new MemberDials();
  readonly #rates = new RequestRates();
  /** Names of the objects that requests have reached: in a hub, to reach one makes it. */
  readonly touched = new Set<string>();

  hubKeys(): Promise<HubKeys> {
    this.#keys ??= crypto.subtle
      .generateKey("Ed25519", true, ["sign", "verify"])
      .then((pair) => ("privateKey" in pair ? crypto.subtle.exportKey("jwk", pair.privateKey) : {}))
      .then((jwk) => importHubKey(JSON.stringify(jwk)));
    return this.#keys;
  }

  /** @param who Asks, for the audit. */
  service(name: string, who = "admin"): MeshService {
    let service = this.#services.get(name);
    if (service === undefined) {
      const mesh = new Mesh(new SqlMeshStore(nodeSql()), {
        clock: { now: () => this.nowMs },
        randomHex: (bytes) => (++this.#random).toString(16).padStart(2 * bytes, "0"),
      });
      const ports: MeshServicePorts = {
        findOrigin: (objectName) => this.originNamed(objectName),
        // Longer than what does not hang, without waiting on a real clock.
        delay: () => ({ over: new Promise((resolve) => setImmediate(resolve)), cancel: () => {} }),
        setAlarm: (atMs) => this.alarms.set(name, atMs),
      };
      this.#ports.set(name, ports);
      service = new MeshService(mesh, ports);
      this.#services.set(name, service);
      const post: Post = async (url, payload) => {
        this.posts.push({ url, payload });
        this.#posting++;
        const sent = await this.answer(url, payload);
        this.#posting--;
        return sent;
      };
      const deliverer = new Deliverer(mesh, {
        post,
        background: (work) => {
          this.#deliveries++;
          void work.finally(() => this.#deliveries--);
        },
        setAlarm: (atMs) => this.deliveryAlarms.set(name, atMs),
      });
      this.deliverers.set(name, deliverer);
      this.#webhooks.set(
        name,
        new WebhookService(mesh, deliverer, { post, allowPrivate: this.allowPrivate }),
      );
      this.#meshes.set(name, mesh);
    }
    const ports = this.#ports.get(name);
    return who === "admin" || ports === undefined
      ? service
      : new MeshService(this.mesh(name), ports, who);
  }

  readonly #ports = new Map<string, MeshServicePorts>();

  allowPrivate = false;
  /** What webhooks were sent, and what receivers answer. */
  readonly posts: { readonly url: string; readonly payload: Payload }[] = [];
  answer: Post = async () => ({ kind: "answered", status: 200, retryAfterMs: null });
  readonly deliveryAlarms = new Map<string, number>();
  readonly deliverers = new Map<string, Deliverer>();
  readonly #webhooks = new Map<string, WebhookService>();

  webhooks(name: string): WebhookService {
    this.service(name);
    return must(this.#webhooks.get(name), "the webhooks of a mesh");
  }

  /** The alarm of deliveries rings; requests end. */
  async ring(name: string): Promise<void> {
    must(this.deliverers.get(name), "a deliverer").wake();
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#deliveries > this.#posting);
  }

  /** Under way, and those of them that wait for a receiver. */
  #deliveries = 0;
  #posting = 0;

  mesh(name: string): Mesh {
    this.service(name);
    return this.#meshes.get(name) as Mesh;
  }

  originNamed(objectName: string): FakeOrigin {
    let origin = this.origins.get(objectName);
    if (origin === undefined) this.origins.set(objectName, (origin = new FakeOrigin()));
    return origin;
  }

  /** The Origin of a cluster, by the cluster's UID. */
  origin(uid: string): FakeOrigin {
    const name = [...this.origins.keys()].find((key) => key.endsWith(`:${uid}`));
    return this.originNamed(name ?? uid);
  }

  /** A mesh named `demo` with these clusters; answers their UIDs. */
  async withClusters(...names: readonly string[]): Promise<Record<string, string>> {
    const demo = this.service("demo");
    const { id, createdMs } = valueOf(await demo.createMesh("demo"));
    await this.directory.noteMesh("demo", id, createdMs);
    const uids: Record<string, string> = {};
    for (const name of names) uids[name] = valueOf(await demo.addCluster(name)).cluster.uid;
    return uids;
  }

  /** A request by the admin. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; type: string; body: Answer }> {
    const response = await this.app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return {
      status: response.status,
      type: response.headers.get("content-type") ?? "",
      body: (await response.json()) as Answer,
    };
  }
}

/** What the tests look at in answers. */
export interface Answer {
  readonly [field: string]: unknown;
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { field: string; rule: string }[];
}

export function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`refused: ${outcome.refusal.code}: ${outcome.refusal.detail}`);
  return outcome.value;
}

export function refusalOf(outcome: Outcome<unknown>): {
  status: number;
  code: string;
  detail: string;
} {
  if (outcome.ok) throw new Error("was not refused");
  return outcome.refusal;
}

export function rccRequest(name: string, remoteName = name) {
  return {
    name,
    remoteName,
    overlayRoutingMode: "Disabled" as const,
    annotations: {},
    spec: {},
  };
}
