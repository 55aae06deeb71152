/**
 * The Durable Object of a mesh (`mesh:<name>`) and, under the name `directory`, of the hub's list
 * of meshes: storage, alarm and calls around a `MeshService`. Every decision is made there.
 */
import { DurableObject } from "cloudflare:workers";

import { toHex } from "../../shared/lib/bytes.ts";
import type { ClusterNote, OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import type { MeshCalls } from "../ports.ts";
import { durableSql } from "../storage/durable-sql.ts";
import { objectsOf } from "../place.ts";
import { originStub } from "../stubs.ts";
import { Alarms } from "./alarms.ts";
import { callByName } from "./calls-by-name.ts";
import { Directory } from "./directory.ts";
import { Idempotency, IDEMPOTENCY_CALLS } from "./idempotency.ts";
import type { IdempotencyCalls } from "./idempotency.ts";
import { DIRECTORY_CALLS, MESH_ADMIN_CALLS } from "./mesh-calls.ts";
import type { DirectoryCalls, MeshAdmin } from "./mesh-calls.ts";
import { MeshService } from "./mesh-service.ts";
import type { MeshServicePorts } from "./mesh-service.ts";
import { SqlMeshStore } from "./mesh-store.ts";
import { Mesh } from "./mesh.ts";
import { OWN_CALLS, OwnObjects } from "./own-objects.ts";
import type { OwnCalls } from "./own-objects.ts";
import { MeshRehearsal, REHEARSAL_CALLS } from "./rehearsal.ts";
import type { RehearsalCalls } from "./rehearsal.ts";
import { ApiTokens, TOKEN_CALLS } from "./tokens/api-tokens.ts";
import type { TokenCalls } from "./tokens/api-tokens.ts";
import { Deliverer } from "./webhooks/deliverer.ts";
import { postPayload } from "./webhooks/post.ts";
import type { Payload } from "../../shared/webhooks/payload.ts";
import { WEBHOOK_CALLS } from "./webhooks/webhook-calls.ts";
import type { WebhookCalls } from "./webhooks/webhook-calls.ts";
import { WebhookService } from "./webhooks/webhook-service.ts";
import type { WebhookPorts } from "./webhooks/webhook-service.ts";

export interface MeshEnv {
  readonly ORIGIN: DurableObjectNamespace;
  /** See `objectsIn`. */
  readonly JURISDICTION?: string;
  /** Unix ms at which the hub's storage was restored from a backup; absent or 0: never. */
  readonly RESTORED_AT?: string;
  /** `yes`: webhooks may go to private addresses, by http too. [EVT8] */
  readonly ALLOW_PRIVATE_WEBHOOKS?: string;
}

export class MeshObject extends DurableObject<MeshEnv> implements MeshCalls {
  readonly #mesh: Mesh;
  readonly #ports: MeshServicePorts;
  readonly #webhookPorts: WebhookPorts;
  readonly #service: MeshService;
  readonly #directory: Directory;
  readonly #alarms: Alarms<"facts" | "webhooks">;
  readonly #deliverer: Deliverer;
  readonly #webhooks: WebhookService;

  constructor(context: DurableObjectState, env: MeshEnv) {
    super(context, env);
    const store = new SqlMeshStore(durableSql(context.storage));
    const mesh = new Mesh(store, {
      clock: { now: () => Date.now() },
      randomHex: (bytes) => toHex(crypto.getRandomValues(new Uint8Array(bytes))),
    });
    mesh.noteRestore(Number(env.RESTORED_AT ?? 0));
    this.#directory = new Directory(store);
    const alarms = new Alarms<"facts" | "webhooks">((atMs) =>
      context.waitUntil(context.storage.setAlarm(atMs)),
    );
    this.#alarms = alarms;
    this.#mesh = mesh;
    this.#ports = {
      findOrigin: (name) => {
        // Also of a removed mesh, whose Origins have yet to hear it.
        const meshName = store.get("mesh", "mesh")?.name ?? "";
        return originStub(objectsOf(env.ORIGIN, env.JURISDICTION, meshName), name);
      },
      delay: (ms) => {
        let timer: ReturnType<typeof setTimeout> | null = null;
        const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
        return { over, cancel: () => clearTimeout(timer) };
      },
      setAlarm: (atMs) => alarms.set("facts", atMs),
    };
    this.#service = new MeshService(mesh, this.#ports);
    const post = (url: string, payload: Payload) => postPayload(url, payload, Date.now());
    this.#deliverer = new Deliverer(mesh, {
      post,
      background: (work) => context.waitUntil(work),
      setAlarm: (atMs) => alarms.set("webhooks", atMs),
    });
    const allowPrivate = env.ALLOW_PRIVATE_WEBHOOKS === "yes";
    this.#webhookPorts = { post, allowPrivate };
    this.#webhooks = new WebhookService(mesh, this.#deliverer, this.#webhookPorts);
    this.#service.onStart();
    // The alarm of what was due when the object ended has gone with it, perhaps.
    this.#deliverer.wake();
  }

  override alarm(): Promise<void> {
    this.#alarms.rang();
    this.#deliverer.wake();
    return this.#service.onAlarm();
  }

  /** A call of `MeshAdmin`; `meshStub` is the other side. */
  async administer(call: string, args: readonly unknown[], who: string): Promise<unknown> {
    const answer: unknown = await callByName<MeshAdmin>(
      new MeshService(this.#mesh, this.#ports, who),
      MESH_ADMIN_CALLS,
      call,
      args,
    );
    // What was decided may be an event.
    this.#deliverer.wake();
    return answer;
  }

  /** A call of `WebhookCalls`; `webhookStub` is the other side. */
  notify(call: string, args: readonly unknown[], who: string): unknown {
    const webhooks = new WebhookService(this.#mesh, this.#deliverer, this.#webhookPorts, who);
    return callByName<WebhookCalls>(webhooks, WEBHOOK_CALLS, call, args);
  }

  /** A call of `RehearsalCalls`; `rehearsalStub` is the other side. */
  rehearse(call: string, args: readonly unknown[]): unknown {
    return callByName<RehearsalCalls>(new MeshRehearsal(this.#mesh), REHEARSAL_CALLS, call, args);
  }

  /** A call of `IdempotencyCalls`; `idempotencyStub` is the other side. */
  remember(call: string, args: readonly unknown[]): unknown {
    return callByName<IdempotencyCalls>(new Idempotency(this.#mesh), IDEMPOTENCY_CALLS, call, args);
  }

  /** A call of `TokenCalls`; `tokenStub` is the other side. */
  guard(call: string, args: readonly unknown[]): unknown {
    return callByName<TokenCalls>(new ApiTokens(this.#mesh), TOKEN_CALLS, call, args);
  }

  /** A call of `OwnCalls`; `ownStub` is the other side. */
  async declare(call: string, args: readonly unknown[]): Promise<unknown> {
    const own = new OwnObjects(this.#mesh, this.#ports);
    const answer: unknown = await callByName<OwnCalls>(own, OWN_CALLS, call, args);
    this.#deliverer.wake();
    return answer;
  }

  /** A call of `DirectoryCalls`; `directoryStub` is the other side. */
  list(call: string, args: readonly unknown[]): unknown {
    return callByName<DirectoryCalls>(this.#directory, DIRECTORY_CALLS, call, args);
  }

  pullFacts(clusterUid: string): Promise<OriginFacts | null> {
    return this.#service.pullFacts(clusterUid);
  }

  claimRanges(clusterUid: string, claims: readonly RangeClaim[]): Promise<OriginFacts | null> {
    return this.#service.claimRanges(clusterUid, claims);
  }

  noteCluster(clusterUid: string, note: ClusterNote): Promise<OriginFacts | null> {
    return this.#service.noteCluster(clusterUid, note);
  }

  async noteHealth(clusterUid: string, health: ClusterHealth): Promise<void> {
    this.#webhooks.noteHealth(clusterUid, health);
  }
}
