/** How well a direct remote is followed. Pure. */
import type { CollectionHealth, SourceHealth } from "../source/source-health.ts";

export const UNREAD: SourceHealth = { collections: [] };

export function followsSome({ collections }: SourceHealth): boolean {
  return collections.some(({ state }) => state === "following" || state === "listing");
}

/** What the account may not list. [DIR14] */
export function forbiddenIn({ collections }: SourceHealth): readonly CollectionHealth[] {
  return collections.filter(({ forbiddenKind }) => forbiddenKind !== undefined);
}
