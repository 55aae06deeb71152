/**
 * Facts on their way to Origins: an entry stays until its Origin has answered with that version or
 * a later one, so a call may be lost, repeated or reordered. Retries: 1 s doubling to 60 s, without
 * an end, because access that was revoked must reach its Origin. [VIS24]
 */
import { backoffMs } from "../../shared/lib/backoff.ts";
import { originObjectName } from "../ports.ts";
import type { OriginCalls } from "../ports.ts";
import type { Mesh } from "./mesh.ts";

const RETRY = { baseMs: 1_000, capMs: 60_000 };
const PUSHES_IN_FLIGHT = 16;

export type FindOrigin = (objectName: string) => Pick<OriginCalls, "setFacts" | "refusedBy">;

/**
 * Entries whose time has come, the longest due first. One that is due later than any retry was
 * written before the clock went back: its time has come.
 */
export function dueEntries(mesh: Mesh, nowMs: number): readonly string[] {
  return mesh.store
    .list("outbox")
    .filter(([, row]) => dueMs(row, nowMs) <= nowMs)
    .toSorted(([, a], [, b]) => a.dueMs - b.dueMs)
    .map(([uid]) => uid);
}

/** When the outbox wants to be looked at next; `null` when it is empty. */
export function nextDueMs(mesh: Mesh, nowMs: number): number | null {
  const due = mesh.store.list("outbox").map(([, row]) => dueMs(row, nowMs));
  return due.length === 0 ? null : Math.min(...due);
}

function dueMs(row: { readonly dueMs: number }, nowMs: number): number {
  return row.dueMs > nowMs + RETRY.capMs ? nowMs : row.dueMs;
}

/**
 * Pushes to each Origin; answers whether all of them hold what they should. Never throws: what
 * failed is retried later.
 */
export async function pushAll(
  mesh: Mesh,
  uids: readonly string[],
  findOrigin: FindOrigin,
): Promise<boolean> {
  const waiting = [...uids];
  let allAcknowledged = true;
  const work = async (): Promise<void> => {
    for (let uid = waiting.shift(); uid !== undefined; uid = waiting.shift())
      if (!(await pushOne(mesh, uid, findOrigin))) allAcknowledged = false;
  };
  await Promise.all(Array.from({ length: PUSHES_IN_FLIGHT }, work));
  return allAcknowledged;
}

async function pushOne(mesh: Mesh, uid: string, findOrigin: FindOrigin): Promise<boolean> {
  const facts = mesh.facts(uid);
  if (facts === null) return true;
  let acknowledged = -1;
  try {
    const answer = await findOrigin(originObjectName(facts.meshId, uid)).setFacts(facts);
    acknowledged = answer.accessVersion;
  } catch {
    // Lost, or the Origin failed: the entry stays and is retried.
  }
  return settle(mesh, uid, acknowledged);
}

/**
 * Takes the entry out when the answered version covers what it asks for now, which may be more than
 * was pushed.
 */
function settle(mesh: Mesh, uid: string, acknowledged: number): boolean {
  const entry = mesh.store.get("outbox", uid);
  if (entry === undefined) return true;
  const isDone = acknowledged >= entry.version;
  mesh.store.transaction(() => {
    if (isDone) mesh.store.delete("outbox", uid);
    else
      mesh.store.put("outbox", uid, {
        ...entry,
        attempts: entry.attempts + 1,
        dueMs: mesh.environment.clock.now() + backoffMs(entry.attempts, RETRY, () => 0),
      });
  });
  return isDone;
}
