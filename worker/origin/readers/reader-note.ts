/**
 * The note of a reader, kept with its socket: its acknowledged positions, which outlive an eviction
 * of the object. Messages after them are sent again.
 */
import { z } from "zod";

import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { parseJson } from "../../storage/parse-json.ts";
import type { ParsedJson } from "../../storage/parse-json.ts";
import type { Reader } from "./reader.ts";

export interface ReaderNote {
  readonly version: number;
  readonly creditBytes: number;
  /** `null`: no position, to be repaired. */
  readonly positions: readonly (readonly [Channel, number | null])[];
}

const schema = z.object({
  /** Missing in notes of hubs that knew one version only. */
  version: z.int().default(1),
  creditBytes: z.number(),
  positions: z.array(z.tuple([z.enum(CHANNELS), z.int().nonnegative().nullable()])),
});

export function writeReaderNote({ version, creditBytes, channels }: Reader): string {
  const positions = channels.map(({ log, acknowledged }) => [log.channel, acknowledged] as const);
  const note: ReaderNote = { version, creditBytes, positions };
  return JSON.stringify(note);
}

export function parseReaderNote(text: string): ParsedJson<ReaderNote> {
  return parseJson(schema, text);
}
