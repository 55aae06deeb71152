/**
 * Who did what in a mesh, in two lists of bounded length: the operator's, and the members' own.
 * What members do, however much it is, takes nothing from the operator's. [VIS49]
 */
import type { Clock } from "../../shared/lib/clock.ts";
import type { MeshStore } from "./mesh-store.ts";
import { MESH_LIMITS } from "./registry.ts";
import type { AuditRow, ClusterRow } from "./registry.ts";

/** The prefix of a list's ids, and the counter that numbers them. */
const LISTS = {
  operator: { prefix: "", counter: "audit" },
  members: { prefix: "members/", counter: "audit-members" },
} as const;

export class Audit {
  readonly #store: MeshStore;
  readonly #clock: Clock;

  constructor(store: MeshStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What the operator did, or a member by the operator's leave. */
  operator(who: string, action: string, subject: string): void {
    this.#add("operator", { who, action, subject });
  }

  /** What a member did itself. */
  member({ name }: ClusterRow, action: string, subject: string): void {
    this.#add("members", { who: `cluster ${name}`, action, subject });
  }

  /** Inside a transaction. At the bound the list's oldest row goes. */
  #add(list: keyof typeof LISTS, what: Omit<AuditRow, "atMs">): void {
    const { prefix, counter } = LISTS[list];
    const number = (this.#store.get("counters", counter)?.value ?? 0) + 1;
    this.#store.put("counters", counter, { value: number });
    this.#store.put("audit", prefix + idOf(number), { atMs: this.#clock.now(), ...what });
    this.#store.delete("audit", prefix + idOf(number - MESH_LIMITS.auditRows));
  }

  /** Of both lists, newest first. */
  rows(limit: number): readonly AuditRow[] {
    const rows = this.#store.list("audit").map(([, row]) => row);
    return rows
      .toReversed()
      .toSorted((a, b) => b.atMs - a.atMs)
      .slice(0, limit);
  }
}

function idOf(number: number): string {
  return String(number).padStart(12, "0");
}
