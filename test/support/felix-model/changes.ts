/**
 * Values that a Felix takes, and that end it when they change or go: found by giving random ones to
 * the graph of 3.32.1, and taking them back.
 */
import { readIp } from "./addresses.ts";
import type { FelixKey } from "./keys.ts";
import type { Objects } from "./objects.ts";

interface HasParents {
  readonly profile_ids: readonly string[];
}

const WITH_PARENTS = ["WorkloadEndpoint", "HostEndpoint", "NetworkSet"] as const;

/**
 * @param next The value that the key gets, `undefined` for none.
 * @returns Why Felix panics, or `null`.
 */
export function panicOfChange(objects: Objects, key: FelixKey, next: unknown): string | null {
  if (key.kind === "HostIP") {
    // Text that is no address is held as none, and compared with the next one.
    const isAddress = (text: unknown) => typeof text === "string" && readIp(text) !== null;
    return next !== undefined && !isAddress(next) && isAddress(objects.get(key))
      ? "no address"
      : null;
  }
  if (key.kind !== "WorkloadEndpoint" && key.kind !== "HostEndpoint" && key.kind !== "NetworkSet")
    return null;
  const held = objects.get(key);
  if (held === undefined) return null;
  const kept = (next as HasParents | undefined)?.profile_ids ?? [];
  const gone = held.profile_ids.filter((name) => !kept.includes(name));
  const twice = gone.find((name, i) => gone.indexOf(name) < i && children(objects, name) === 1);
  return twice === undefined ? null : `discard of unknown ID: ${twice} stands there twice`;
}

/** How many endpoints inherit from a profile. */
function children(objects: Objects, profile: string): number {
  let count = 0;
  for (const kind of WITH_PARENTS)
    for (const [, value] of objects.of(kind)) if (value.profile_ids.includes(profile)) count++;
  return count;
}
