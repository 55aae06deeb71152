/** First claims of a direct remote on disk, so that a restart does not decide them again. [DIR7] */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { parseJson } from "../../shared/lib/parse-json.ts";
import { writeFileAtomically } from "../lib/atomic-file.ts";
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
  let text: string;
  try {
    text = readFileSync(join(folder, FILE), "utf8");
  } catch {
    // None yet.
    return null;
  }
  const json = parseJson(text);
  const parsed = schema.safeParse(json.ok ? json.value : null);
  if (!parsed.success) return null;
  const { guid, pods, nodes } = parsed.data;
  return { guid, claimed: { ranges: { pods, nodes }, refused: [] } };
}

/** @throws the system's error */
export function writeClaims(folder: string, { guid, claimed }: StoredClaims): void {
  const { pods, nodes } = claimed.ranges;
  writeFileAtomically(join(folder, FILE), JSON.stringify({ guid, pods, nodes }));
}
