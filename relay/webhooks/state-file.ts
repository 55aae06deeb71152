/** What a relay has told, on disk: a restart repeats nothing, and loses nothing. [DIR21] */
import { join } from "node:path";

import { z } from "zod";

import { DIRECT_REASON_CODES, REASON_CODES } from "../../shared/visibility/health.ts";
import { writeFileAtomically } from "../lib/atomic-file.ts";
import { readJsonFile } from "../lib/read-json-file.ts";
import type { TellerState } from "./teller-state.ts";

const FILE = "webhooks.json";

const reasonSchema = z.object({
  code: z.enum([...REASON_CODES, ...DIRECT_REASON_CODES]),
  message: z.string(),
  rccs: z.array(z.string()),
});
const schema = z.object({
  relay: z.string().regex(/^[0-9a-f]{12}$/),
  newest: z.number(),
  health: z.record(
    z.string(),
    z.object({
      state: z.enum(["ok", "degraded", "lost"]),
      reasons: z.array(reasonSchema),
      quarantined: z.number(),
      held: z.number(),
      notInSync: z.array(z.string()),
      sinceMs: z.number(),
    }),
  ),
  notInSync: z.array(z.string()),
  events: z.record(
    z.string(),
    z.object({
      type: z.string(),
      subject: z.string(),
      number: z.number(),
      atMs: z.number(),
      sinceMs: z.number(),
      isFiring: z.boolean(),
      cluster: z.object({ uid: z.string(), name: z.string() }).nullable(),
      summary: z.string(),
      data: z.record(z.string(), z.unknown()),
    }),
  ),
  due: z.record(
    z.string(),
    z.object({ event: z.number(), attempts: z.number(), dueMs: z.number() }),
  ),
  failingSinceMs: z.record(z.string(), z.number()),
});

/** `null`: there is none, or none that this version can read. */
export function readTellerState(folder: string): TellerState | null {
  return readJsonFile(join(folder, FILE), schema);
}

/** @throws the system's error */
export function writeTellerState(folder: string, state: TellerState): void {
  writeFileAtomically(join(folder, FILE), JSON.stringify(state));
}
