/** First claims of a direct remote on disk, so that a restart does not decide them again. [DIR7] */
import { join } from "node:path";

import { z } from "zod";

import { writeFileAtomically } from "../lib/atomic-file.ts";
import { readJsonFile } from "../lib/read-json-file.ts";
import type { Claimed } from "./claims.ts";

const schema = z.object({
  /** ClusterGUID of the remote that has claimed; empty: it has none. */
  guid: z.string(),
  pods: z.array(z.string()),
  nodes: z.array(z.string()),
});

export interface StoredClaims {
  readonly guid: string;
  readonly claimed: Claimed;
}

const FILE = "claims.json";

/** `null`: there are none, or none that this version can read. */
export function readClaims(folder: string): StoredClaims | null {
  const stored = readJsonFile(join(folder, FILE), schema);
  if (stored === null) return null;
  const { guid, pods, nodes } = stored;
  return { guid, claimed: { ranges: { pods, nodes }, refused: [] } };
}

/** @throws the system's error */
export function writeClaims(folder: string, { guid, claimed }: StoredClaims): void {
  const { pods, nodes } = claimed.ranges;
  writeFileAtomically(join(folder, FILE), JSON.stringify({ guid, pods, nodes }));
}
