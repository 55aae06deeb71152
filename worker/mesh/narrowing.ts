/** Whether a cluster's ranges may become less: its Origin is asked what is in them. [VIS29] */
import { narrows } from "../../shared/admission/judge.ts";
import { originObjectName } from "../ports.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { FindOrigin } from "./outbox.ts";
import { inUse, NAMED_RECORDS, rangesAfter } from "./ranges.ts";
import type { RangesChange } from "./ranges.ts";

/**
 * The ranges that would be, as text; refused where something that is admitted lies in what is taken
 * away.
 */
export async function checkNarrowing(
  mesh: Mesh,
  findOrigin: FindOrigin,
  name: string,
  change: RangesChange,
): Promise<Outcome<string>> {
  const planned = mesh.ask(() => {
    mesh.requireMesh();
    const cluster = mesh.requireCluster(name);
    return { cluster, ranges: rangesAfter(mesh, cluster, change) };
  });
  if (!planned.ok) return planned;
  const { cluster, ranges } = planned.value;
  const value = JSON.stringify(ranges);
  if (!narrows(mesh.ranges(cluster.uid), ranges)) return { ok: true, value };
  const origin = findOrigin(originObjectName(cluster.meshId, cluster.uid));
  const held = await origin.refusedBy(ranges, NAMED_RECORDS).catch(() => null);
  return mesh.ask(() => {
    if (held === null)
      throw new Refused(
        409,
        "origin-away",
        `what cluster ${name} has cannot be read now, so nothing is taken from its ranges: try again`,
      );
    if (held.length > 0) throw inUse(name, held);
    return value;
  });
}
