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

/**
 * @param isKept Slices of a cluster that has not told all it has yet: nothing leaves them, and what
 *   is in them stays as it is.
 */
export function planWrites(
  held: readonly OwnSlice[],
  desired: readonly DesiredSlice[],
  isKept: (cluster: string) => boolean,
): readonly SliceWrite[] {
  const byName = new Map(held.map((slice) => [slice.name, slice]));
  const awaited = awaitedBy(desired, byName);
  const creates: SliceWrite[] = [];
  const additions: SliceWrite[] = [];
  const removals: SliceWrite[] = [];
  const deletes: SliceWrite[] = [];
  const gone = new Map(byName);
  for (const wanted of desired) {
    const before = byName.get(wanted.name);
    gone.delete(wanted.name);
    if (before === undefined) {
      creates.push({ op: "create", slice: wanted });
      continue;
    }
    const isOld = isKept(wanted.cluster) && !wanted.isLostTooLong;
    const known = isOld ? asHeld(wanted, before) : wanted;
    // fault: awaited-stays
    const slice = withAwaited(known, before, awaited);
    if (isSame(before, slice)) continue;
    const isLess = before.addresses.some((ip) => !slice.addresses.includes(ip));
    // fault: half-told-stays
    if (isLess && isKept(slice.cluster)) continue;
    (isLess ? removals : additions).push({ op: "replace", slice, before });
  }
  for (const before of gone.values())
    if (!isKept(before.cluster)) deletes.push({ op: "delete", before });
  return [...creates, ...additions, ...removals, ...deletes];
}

function idOf({ cluster }: { readonly cluster: string }, ip: string): string {
  return `${cluster} ${ip}`;
}

/** Endpoints that a slice is to have and has not yet. */
function awaitedBy(
  desired: readonly DesiredSlice[],
  held: ReadonlyMap<string, OwnSlice>,
): ReadonlySet<string> {
  const awaited = new Set<string>();
  for (const slice of desired) {
    const there = new Set(held.get(slice.name)?.addresses);
    for (const ip of slice.addresses) if (!there.has(ip)) awaited.add(idOf(slice, ip));
  }
  return awaited;
}

/** Two slices may give each other endpoints: what another waits for stays until it is there. */
function withAwaited(
  wanted: DesiredSlice,
  before: OwnSlice,
  awaited: ReadonlySet<string>,
): DesiredSlice {
  const own = new Set(wanted.addresses);
  const stays = (ip: string): boolean => !own.has(ip) && awaited.has(idOf(before, ip));
  const addresses = before.addresses.filter(stays);
  if (addresses.length === 0) return wanted;
  const left = endpointsOf(before.object).filter((endpoint) => stays(addressOf(endpoint)));
  return {
    ...wanted,
    addresses: [...wanted.addresses, ...addresses],
    object: { ...wanted.object, endpoints: [...endpointsOf(wanted.object), ...left] },
  };
}

/** Endpoints that are there as they are there: a disk may know an older state of them. */
function asHeld(wanted: DesiredSlice, { object }: OwnSlice): DesiredSlice {
  const held = new Map(endpointsOf(object).map((endpoint) => [addressOf(endpoint), endpoint]));
  const endpoints = endpointsOf(wanted.object).map((one) => held.get(addressOf(one)) ?? one);
  return { ...wanted, object: { ...wanted.object, endpoints } };
}

function endpointsOf({ endpoints }: JsonObject): readonly unknown[] {
  return Array.isArray(endpoints) ? endpoints : [];
}

function addressOf(endpoint: unknown): string {
  const addresses = isJsonObject(endpoint) ? endpoint["addresses"] : null;
  return Array.isArray(addresses) ? String(addresses[0]) : "";
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
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? "null";
  const fields = Object.keys(value).toSorted();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}
