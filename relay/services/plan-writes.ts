/**
 * Slices as they are and as they are to be → writes, in an order without a moment in which an
 * endpoint is missing that both have: what adds comes before what takes away. Pure. [SVC23]
 */
import { isJsonObject } from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import type { DesiredSlice } from "./endpoint-slices.ts";
import type { OwnSlice } from "./own-slice.ts";

export type SliceWrite =
  | { readonly op: "create"; readonly slice: DesiredSlice }
  | { readonly op: "replace"; readonly slice: DesiredSlice; readonly before: OwnSlice }
  | { readonly op: "delete"; readonly before: OwnSlice };

/** @param isKept Slices of a cluster that has not told all it has yet: nothing leaves them. */
export function planWrites(
  held: readonly OwnSlice[],
  desired: readonly DesiredSlice[],
  isKept: (cluster: string) => boolean,
): readonly SliceWrite[] {
  const byName = new Map(held.map((slice) => [slice.name, slice]));
  const creates: SliceWrite[] = [];
  const additions: SliceWrite[] = [];
  const removals: SliceWrite[] = [];
  const deletes: SliceWrite[] = [];
  for (const slice of desired) {
    const before = byName.get(slice.name);
    byName.delete(slice.name);
    if (before === undefined) creates.push({ op: "create", slice });
    else if (!isSame(before, slice)) {
      const isLess = before.addresses.some((ip) => !slice.addresses.includes(ip));
      if (isLess && isKept(slice.cluster)) continue;
      (isLess ? removals : additions).push({ op: "replace", slice, before });
    }
  }
  for (const before of byName.values())
    if (!isKept(before.cluster)) deletes.push({ op: "delete", before });
  return [...creates, ...additions, ...removals, ...deletes];
}

/** The time of the last change alone is no reason to write. */
function isSame(before: OwnSlice, { object }: DesiredSlice): boolean {
  return contentOf(before.object) === contentOf(object);
}

function contentOf(slice: JsonObject): string {
  const metadata = isJsonObject(slice["metadata"]) ? slice["metadata"] : {};
  const owners: unknown = metadata["ownerReferences"];
  return canonical([
    slice["addressType"],
    slice["endpoints"] ?? [],
    slice["ports"] ?? [],
    metadata["labels"] ?? {},
    Array.isArray(owners)
      ? owners.map((owner: unknown) => (isJsonObject(owner) ? owner["uid"] : null))
      : [],
  ]);
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? "null";
  const fields = Object.keys(value).toSorted();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}
