/** The folder of view files: one a remote, by the name of its RCC. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { DIRECT_MESH } from "./feed.ts";

const SUFFIX = ".view";

export interface ViewOnDisk {
  readonly rcc: string;
  readonly originUid: string;
  readonly path: string;
  /** It was complete once. */
  readonly isLoaded: boolean;
  /** Sum over its channels; 0 while it is repaired. */
  readonly revision: number;
}

export function viewPath(stateDir: string, rcc: string): string {
  return join(stateDir, "views", `${rcc}${SUFFIX}`);
}

/** Views of direct remotes have a folder of their own: the hub's facts say nothing of them. */
export function viewsRoot(stateDir: string, meshId: string): string {
  return meshId === DIRECT_MESH ? join(stateDir, DIRECT_MESH) : stateDir;
}

/** RCCs that have a file. */
export function viewsOnDisk(stateDir: string): string[] {
  try {
    return readdirSync(join(stateDir, "views"))
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length));
  } catch {
    // No folder yet: no views.
    return [];
  }
}
