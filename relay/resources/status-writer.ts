/**
 * Writes the status of custom resources: what it says at once, mere counts of endpoints some time
 * later, and nothing while nothing changes. [CRD8]
 */
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import type { Followed } from "./followed.ts";
import { writeStatus } from "./kube-api.ts";
import type { KubeApi } from "./kube-api.ts";
import { resourceId } from "./plan.ts";
import type { Problems } from "./problems.ts";
import { KINDS } from "./resource.ts";
import type { Kind, Resource } from "./resource.ts";
import { statusOf, withStatus } from "./status.ts";
import type { Standing } from "./status.ts";

/** A status that differs by its count alone is written so long after the one before. */
const COUNT_MS = 10_000;
/** And any other: what flaps costs no more. */
const CHANGE_MS = 500;
const NEVER = Number.POSITIVE_INFINITY;

export interface StatusWriterOptions {
  readonly transport: KubeApi;
  readonly lease: { readonly isHeld: boolean };
  reports(): readonly EdgeReport[];
  now(): number;
  wallMs(): number;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #problems: Problems;
  readonly #stopping: AbortSignal;
  /** By `resourceId`: when its status was written last. */
  readonly #writtenMs = new Map<string, number>();
  /** When what waits may be written. */
  dueMs = NEVER;
  writes = 0;

  constructor(options: StatusWriterOptions, problems: Problems, stopping: AbortSignal) {
    this.#options = options;
    this.#problems = problems;
    this.#stopping = stopping;
  }

  forget(): void {
    this.#writtenMs.clear();
    this.dueMs = NEVER;
  }

  async write(
    followed: Followed,
    standing: (resource: Resource, id: string) => Standing,
  ): Promise<void> {
    this.dueMs = NEVER;
    let problem: string | null = null;
    const there = new Set<string>();
    for (const kind of KINDS)
      for (const resource of followed.seen()[kind].resources ?? []) {
        const id = resourceId(resource);
        there.add(id);
        problem =
          (await this.#writeOne(followed, kind, resource, standing(resource, id))) ?? problem;
      }
    for (const id of this.#writtenMs.keys()) if (!there.has(id)) this.#writtenMs.delete(id);
    this.#problems.set("status", problem);
  }

  /** @returns What went wrong; `null`: nothing. */
  async #writeOne(
    followed: Followed,
    kind: Kind,
    resource: Resource,
    standing: Standing,
  ): Promise<string | null> {
    const options = this.#options;
    const { transport, lease } = options;
    const wanted = statusOf(resource, standing);
    const at = new Date(options.wallMs()).toISOString().replace(/\.\d+Z$/, "Z");
    const next = wanted && withStatus(resource, wanted, at);
    if (next === null || !lease.isHeld || this.#stopping.aborted) return null;
    const id = resourceId(resource);
    const lastMs = this.#writtenMs.get(id) ?? -NEVER;
    const dueMs = lastMs + (next.isOnlyCount ? COUNT_MS : CHANGE_MS);
    if (options.now() < dueMs) {
      this.dueMs = Math.min(this.dueMs, dueMs);
      return null;
    }
    this.#writtenMs.set(id, options.now());
    const written = await writeStatus(transport, kind, resource.name, next.object, this.#stopping);
    if (written.kind === "written") {
      this.writes++;
      followed.collection(kind)?.replace(written.object);
      return null;
    }
    // The watch brings the newer version, and that a turn.
    if (written.kind === "failed") this.dueMs = Math.min(this.dueMs, options.now() + COUNT_MS);
    return written.kind === "failed" ? written.message : null;
  }
}
