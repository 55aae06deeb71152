/**
 * The meshes of a hub, by name: what the object named `directory` keeps. Asked for lists, and
 * before anything that nobody has authenticated reaches an object of its own, for that would make
 * one. [CRE17]
 */
import type { DirectoryCalls } from "./mesh-calls.ts";
import type { MeshStore } from "./mesh-store.ts";

export class Directory implements DirectoryCalls {
  readonly #store: MeshStore;

  constructor(store: MeshStore) {
    this.#store = store;
  }

  async hasMesh(name: string): Promise<boolean> {
    return this.#store.get("directory", name) !== undefined;
  }

  async noteMesh(name: string, id: string, createdMs: number): Promise<void> {
    this.#store.transaction(() => this.#store.put("directory", name, { id, createdMs }));
  }

  async forgetMesh(name: string): Promise<void> {
    this.#store.transaction(() => this.#store.delete("directory", name));
  }

  async listMeshes(): ReturnType<DirectoryCalls["listMeshes"]> {
    return this.#store.list("directory").map(([name, row]) => ({ name, ...row }));
  }
}
