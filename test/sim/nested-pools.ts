/** Pools inside the pool of a place: what lies in another is another cluster's Felix's end. */
import { keyOf } from "../../shared/record/key.ts";
import type { IPPool } from "../../shared/record/record.ts";
import { pool } from "../support/records.ts";
import type { MeshWorld } from "./mesh-world.ts";
import type { Rng } from "./random.ts";

/** Third byte and length of each, in `10.N.0.0/16`: some hold others. */
const INSIDE = ["0.0/17", "8.0/24", "8.64/26", "128.0/17"] as const;

function nested(mesh: MeshWorld, rng: Rng): { put(): void; delete(): void } {
  const { place } = rng.pick(mesh.members);
  const record: IPPool = pool(`10.${place.number}.${rng.pick(INSIDE)}`);
  return { put: () => place.put(record, true), delete: () => place.delete(keyOf(record)) };
}

export const NESTED_ACTIONS = {
  "pool inside the pool put": { run: (mesh, rng) => nested(mesh, rng).put() },
  "pool inside the pool deleted": { run: (mesh, rng) => nested(mesh, rng).delete() },
} as const satisfies Record<string, { readonly run: (mesh: MeshWorld, rng: Rng) => void }>;

export type NestedActionName = keyof typeof NESTED_ACTIONS;

export const NESTED_ACTION_NAMES = Object.keys(NESTED_ACTIONS) as NestedActionName[];

export function isNestedAction(name: string): name is NestedActionName {
  return name in NESTED_ACTIONS;
}
