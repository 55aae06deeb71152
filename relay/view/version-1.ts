/**
 * View files of the first format: the hub's messages as they came, behind a header in JSON. Read
 * once, when a relay is upgraded.
 */
import { z } from "zod";

import { parseJson } from "../../shared/lib/parse-json.ts";
import { decodeMessage } from "../../shared/protocol/codec.ts";
import type { WatchMessage } from "../../shared/protocol/messages.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { isWatchMessage } from "../hub/hub-message.ts";
import { parseHeader } from "./file-meta.ts";
import type { ViewHeader } from "./file-meta.ts";
import type { ViewFile } from "./view-file.ts";

export interface Version1 {
  readonly header: ViewHeader | null;
  readonly messages: readonly WatchMessage[];
  /** Channels that were complete once. */
  readonly complete: readonly Channel[];
  readonly damage: string | null;
}

export function messagesOfVersion1(file: ViewFile): Version1 {
  let header: ViewHeader | null = null;
  let complete: readonly Channel[] = [];
  const messages: WatchMessage[] = [];
  let unknown: string | null = null;
  const { damage } = file.load((body) => {
    const note = readNote(body);
    if (header === null) {
      header = parseHeader(note);
      if (header === null) unknown = "its first record is not a header";
      return;
    }
    if (note !== null) {
      const { complete: named } = note;
      complete = Array.isArray(named) ? CHANNELS.filter((channel) => named.includes(channel)) : [];
      return;
    }
    const decoded = decodeMessage(body);
    if (decoded.ok && isWatchMessage(decoded.message)) messages.push(decoded.message);
    else unknown = "a record is not a message of this version";
  });
  return header === null
    ? { header, messages: [], complete: [], damage: damage ?? unknown }
    : { header, messages, complete, damage: damage ?? unknown };
}

/** Messages are no JSON objects: the first byte tells. */
function readNote(body: Buffer): Readonly<Record<string, unknown>> | null {
  if (body[0] !== "{".charCodeAt(0)) return null;
  const parsed = parseJson(body.toString());
  const note = parsed.ok ? noteSchema.safeParse(parsed.value) : null;
  return note?.success === true ? note.data : null;
}

const noteSchema = z.record(z.string(), z.unknown());
