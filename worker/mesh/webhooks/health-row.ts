/**
 * A cluster's health as a row. The version before reads it too, and takes a row with a reason of
 * which it does not know the code for damage: such reasons are kept apart. [VER3]
 */
import type { ClusterHealth, HealthReason } from "../../../shared/visibility/health.ts";
import type { HealthRow } from "./rows.ts";

const NEW_CODES: ReadonlySet<HealthReason["code"]> = new Set(["Quarantined", "EdgeLate"]);

export function healthRow(health: ClusterHealth, sinceMs: number): HealthRow {
  const isNew = ({ code }: HealthReason): boolean => NEW_CODES.has(code);
  const newReasons = health.reasons.filter(isNew);
  const reasons = health.reasons.filter((reason) => !isNew(reason));
  return { ...health, reasons, ...(newReasons.length === 0 ? {} : { newReasons }), sinceMs };
}

export function healthIn({
  newReasons = [],
  ...row
}: HealthRow): ClusterHealth & { readonly sinceMs: number } {
  return { ...row, reasons: [...row.reasons, ...newReasons] };
}
