/** What lies in the folders of relays that ask each other. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { CalicoRecord } from "../../shared/record/record.ts";
import type { PeerRig } from "./peer-rig.ts";
import { pod } from "./records.ts";
import { accessFacts, writeViewOf } from "./stored-view.ts";

/** What the hub has told: `db` may be seen. */
export const FACTS = accessFacts(7, [{}]);
export const viewOf = (dir: string, rcc = "db"): string => join(dir, "views", `${rcc}.view`);
export const hashOf = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");
export const filesOf = (dir: string): string[] =>
  existsSync(join(dir, "views")) ? readdirSync(join(dir, "views")) : [];
export const pods = (count: number): CalicoRecord[] =>
  Array.from({ length: count }, (_, n) => pod(`p${n}`, `10.20.${n >> 8}.${n & 255}`));

/** A folder with a view of `db`. */
export function stored(rig: PeerRig, revision = 1, count = 1): string {
  const dir = rig.folder();
  writeViewOf(dir, { revision }, ...pods(count));
  return dir;
}

export function ipsOf(rig: PeerRig, dir: string, facts = FACTS): string[] {
  return [...rig.remotes(dir, facts).served()].flatMap(({ held }) =>
    "ips" in held.record ? held.record.ips : [],
  );
}
