/**
 * The Durable Object of a mesh (`mesh:<name>`) and, under the name `directory`, of the hub's list of meshes: storage, alarm and calls around
 * a `MeshService`. Every decision is made there.
 */
import { DurableObject } from "cloudflare:workers";

import { toHex } from "../../shared/lib/bytes.ts";
import type { OriginCalls } from "../ports.ts";
import { durableSql } from "../storage/durable-sql.ts";
import { Directory } from "./directory.ts";
import type { DirectoryCalls, MeshAdmin } from "./mesh-calls.ts";
import { MeshService } from "./mesh-service.ts";
import { SqlMeshStore } from "./mesh-store.ts";
import { Mesh } from "./mesh.ts";

export interface MeshEnv {
  readonly ORIGIN: DurableObjectNamespace;
  /** Unix ms at which the hub's storage was restored from a backup; absent or 0: never. */
  readonly RESTORED_AT?: string;
}

export class MeshObject extends DurableObject<MeshEnv> implements MeshAdmin, DirectoryCalls {
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
      findOrigin: (name) => env.ORIGIN.get(env.ORIGIN.idFromName(name)) as unknown as OriginCalls,
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

  createMesh(...args: Parameters<MeshAdmin["createMesh"]>): ReturnType<MeshAdmin["createMesh"]> {
    return this.#service.createMesh(...args);
  }

  getMesh(...args: Parameters<MeshAdmin["getMesh"]>): ReturnType<MeshAdmin["getMesh"]> {
    return this.#service.getMesh(...args);
  }

  deleteMesh(...args: Parameters<MeshAdmin["deleteMesh"]>): ReturnType<MeshAdmin["deleteMesh"]> {
    return this.#service.deleteMesh(...args);
  }

  addCluster(...args: Parameters<MeshAdmin["addCluster"]>): ReturnType<MeshAdmin["addCluster"]> {
    return this.#service.addCluster(...args);
  }

  confirmRestore(
    ...args: Parameters<MeshAdmin["confirmRestore"]>
  ): ReturnType<MeshAdmin["confirmRestore"]> {
    return this.#service.confirmRestore(...args);
  }

  setRanges(...args: Parameters<MeshAdmin["setRanges"]>): ReturnType<MeshAdmin["setRanges"]> {
    return this.#service.setRanges(...args);
  }

  noteCluster(...args: Parameters<MeshAdmin["noteCluster"]>): ReturnType<MeshAdmin["noteCluster"]> {
    return this.#service.noteCluster(...args);
  }

  listClusters(
    ...args: Parameters<MeshAdmin["listClusters"]>
  ): ReturnType<MeshAdmin["listClusters"]> {
    return this.#service.listClusters(...args);
  }

  getCluster(...args: Parameters<MeshAdmin["getCluster"]>): ReturnType<MeshAdmin["getCluster"]> {
    return this.#service.getCluster(...args);
  }

  removeCluster(
    ...args: Parameters<MeshAdmin["removeCluster"]>
  ): ReturnType<MeshAdmin["removeCluster"]> {
    return this.#service.removeCluster(...args);
  }

  newToken(...args: Parameters<MeshAdmin["newToken"]>): ReturnType<MeshAdmin["newToken"]> {
    return this.#service.newToken(...args);
  }

  join(...args: Parameters<MeshAdmin["join"]>): ReturnType<MeshAdmin["join"]> {
    return this.#service.join(...args);
  }

  applyRcc(...args: Parameters<MeshAdmin["applyRcc"]>): ReturnType<MeshAdmin["applyRcc"]> {
    return this.#service.applyRcc(...args);
  }

  listRccs(...args: Parameters<MeshAdmin["listRccs"]>): ReturnType<MeshAdmin["listRccs"]> {
    return this.#service.listRccs(...args);
  }

  listAllRccs(): ReturnType<MeshAdmin["listAllRccs"]> {
    return this.#service.listAllRccs();
  }

  getRcc(...args: Parameters<MeshAdmin["getRcc"]>): ReturnType<MeshAdmin["getRcc"]> {
    return this.#service.getRcc(...args);
  }

  deleteRcc(...args: Parameters<MeshAdmin["deleteRcc"]>): ReturnType<MeshAdmin["deleteRcc"]> {
    return this.#service.deleteRcc(...args);
  }

  createGrant(...args: Parameters<MeshAdmin["createGrant"]>): ReturnType<MeshAdmin["createGrant"]> {
    return this.#service.createGrant(...args);
  }

  applyGrant(...args: Parameters<MeshAdmin["applyGrant"]>): ReturnType<MeshAdmin["applyGrant"]> {
    return this.#service.applyGrant(...args);
  }

  deleteGrant(...args: Parameters<MeshAdmin["deleteGrant"]>): ReturnType<MeshAdmin["deleteGrant"]> {
    return this.#service.deleteGrant(...args);
  }

  listGrants(...args: Parameters<MeshAdmin["listGrants"]>): ReturnType<MeshAdmin["listGrants"]> {
    return this.#service.listGrants(...args);
  }

  overview(...args: Parameters<MeshAdmin["overview"]>): ReturnType<MeshAdmin["overview"]> {
    return this.#service.overview(...args);
  }

  viewOf(...args: Parameters<MeshAdmin["viewOf"]>): ReturnType<MeshAdmin["viewOf"]> {
    return this.#service.viewOf(...args);
  }

  audit(...args: Parameters<MeshAdmin["audit"]>): ReturnType<MeshAdmin["audit"]> {
    return this.#service.audit(...args);
  }

  pullFacts(...args: Parameters<MeshAdmin["pullFacts"]>): ReturnType<MeshAdmin["pullFacts"]> {
    return this.#service.pullFacts(...args);
  }

  claimRanges(...args: Parameters<MeshAdmin["claimRanges"]>): ReturnType<MeshAdmin["claimRanges"]> {
    return this.#service.claimRanges(...args);
  }

  noteMesh(
    ...args: Parameters<DirectoryCalls["noteMesh"]>
  ): ReturnType<DirectoryCalls["noteMesh"]> {
    return this.#directory.noteMesh(...args);
  }

  hasMesh(...args: Parameters<DirectoryCalls["hasMesh"]>): ReturnType<DirectoryCalls["hasMesh"]> {
    return this.#directory.hasMesh(...args);
  }

  forgetMesh(
    ...args: Parameters<DirectoryCalls["forgetMesh"]>
  ): ReturnType<DirectoryCalls["forgetMesh"]> {
    return this.#directory.forgetMesh(...args);
  }

  listMeshes(
    ...args: Parameters<DirectoryCalls["listMeshes"]>
  ): ReturnType<DirectoryCalls["listMeshes"]> {
    return this.#directory.listMeshes(...args);
  }
}
