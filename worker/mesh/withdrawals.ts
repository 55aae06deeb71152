/**
 * An operator decides about withdrawals that a cluster's relay holds: its relays hear it with their
 * facts. Runs inside `Mesh.decide`. [PUB20]
 */
import type { HeldWithdrawal, WithdrawalOrder } from "../../shared/visibility/withdrawal-order.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";

/**
 * @param held As the relay tells it now.
 * @param collection `null`: all that is held.
 * @returns How many keys it is about.
 * @throws Refused where nothing of it is held.
 */
export function decideWithdrawals(
  mesh: Mesh,
  name: string,
  decision: WithdrawalOrder["decision"],
  held: readonly HeldWithdrawal[],
  collection: string | null,
): number {
  mesh.requireMesh();
  const { uid } = mesh.requireCluster(name);
  const about = held.filter((hold) => collection === null || hold.collection === collection);
  if (about.length === 0)
    throw new Refused(
      409,
      "nothing-held",
      `the relay of ${name} holds back no withdrawal${collection === null ? "" : ` of ${collection}`}`,
    );
  mesh.touch(uid);
  const holds = about.map(({ collection: of, sinceMs }) => ({ collection: of, sinceMs }));
  mesh.store.put("withdrawals", uid, { decision, holds });
  const keys = about.reduce((sum, hold) => sum + hold.keys, 0);
  mesh.audit.operator(mesh.actor, `withdrawal ${decision}`, `${name}: ${keys} records`);
  return keys;
}
