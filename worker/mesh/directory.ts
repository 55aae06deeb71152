/** The meshes of a hub, by name: what the object named `directory` keeps. Only listing asks it; every other request goes to its mesh. */
import type { DirectoryCalls } from "./mesh-calls.ts";
import type { MeshStore } from "./mesh-store.ts";

export class Directory implements DirectoryCalls {
  readonly #store: MeshStore;

  constructor(store: MeshStore) {
    this.#store = store;
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
