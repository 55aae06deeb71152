/**
 * The Durable Object of a mesh (`mesh:<name>`) and, under the name `directory`, of the hub's list
 * of meshes: storage, alarm and calls around a `MeshService`. Every decision is made there.
 */
import { DurableObject } from "cloudflare:workers";

import { toHex } from "../../shared/lib/bytes.ts";
import type { ClusterNote, OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { MeshCalls } from "../ports.ts";
import { durableSql } from "../storage/durable-sql.ts";
import { originStub } from "../stubs.ts";
import { callByName } from "./calls-by-name.ts";
import { Directory } from "./directory.ts";
import { DIRECTORY_CALLS, MESH_ADMIN_CALLS } from "./mesh-calls.ts";
import type { DirectoryCalls, MeshAdmin } from "./mesh-calls.ts";
import { MeshService } from "./mesh-service.ts";
import { SqlMeshStore } from "./mesh-store.ts";
import { Mesh } from "./mesh.ts";

export interface MeshEnv {
  readonly ORIGIN: DurableObjectNamespace;
  /** Unix ms at which the hub's storage was restored from a backup; absent or 0: never. */
  readonly RESTORED_AT?: string;
}

export class MeshObject extends DurableObject<MeshEnv> implements MeshCalls {
  readonly #service: MeshService;
  readonly #directory: Directory;

  constructor(context: DurableObjectState, env: MeshEnv) {
    super(context, env);
    const store = new SqlMeshStore(durableSql(context.storage));
    const mesh = new Mesh(store, {
      clock: { now: () => Date.now() },
      randomHex: (bytes) => toHex(crypto.getRandomValues(new Uint8Array(bytes))),
    });
    mesh.noteRestore(Number(env.RESTORED_AT ?? 0));
    this.#directory = new Directory(store);
    this.#service = new MeshService(mesh, {
      findOrigin: (name) => originStub(env.ORIGIN, name),
      delay: (ms) => {
        let timer: ReturnType<typeof setTimeout> | null = null;
        const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
        return { over, cancel: () => clearTimeout(timer) };
      },
      setAlarm: (atMs) => context.waitUntil(context.storage.setAlarm(atMs)),
    });
    this.#service.onStart();
  }

  override alarm(): Promise<void> {
    return this.#service.onAlarm();
  }

  /** A call of `MeshAdmin`; `meshStub` is the other side. */
  administer(call: string, args: readonly unknown[]): unknown {
    return callByName<MeshAdmin>(this.#service, MESH_ADMIN_CALLS, call, args);
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
}
