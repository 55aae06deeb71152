/** What a relay serves, read over HTTP: once, or as it changes. [CLI10] */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

import { viewLineSchema } from "../../shared/api/relay.ts";
import { readRecord } from "../../shared/record/encoding.ts";
import type { SeenRecord, World } from "../../relay/policy/world.ts";
import { fetchRelay, foreign, parseJson, relayPolicies } from "./relay-client.ts";
import { CommandError } from "./usage-error.ts";

/** A line of `/view`. */
export type ViewLine =
  | {
      readonly kind: "record";
      readonly seen: Omit<SeenRecord, "isOwn">;
      readonly isDeleted: boolean;
    }
  | {
      readonly kind: "listed";
      readonly cluster: string;
      readonly accessVersion: number;
      /** Since the relay heard of the hub; `null`: not since its start. */
      readonly hubAgeSeconds: number | null;
      readonly prefixed: readonly string[];
    };

/** What the relay serves now. @throws CommandError */
export async function readWorld(url: string): Promise<World> {
  // Of what changes while the relay tells it, the last line holds.
  const seen = new Map<string, Omit<SeenRecord, "isOwn">>();
  let end: Extract<ViewLine, { kind: "listed" }> | null = null;
  for await (const line of viewLines(url, "/view")) {
    if (line.kind === "listed") end = line;
    else if (line.isDeleted) seen.delete(idOf(line.seen));
    else seen.set(idOf(line.seen), line.seen);
  }
  if (end === null) throw new CommandError(`the relay at ${url} broke its view off`);
  const { cluster, accessVersion, hubAgeSeconds, prefixed } = end;
  return {
    cluster,
    records: Array.from(seen.values(), (one) => ({ ...one, isOwn: one.origin === cluster })),
    prefixed: new Set(prefixed),
    truth: `applied by the relay at ${url}, access version ${accessVersion}, ${heard(hubAgeSeconds)}`,
    policies: () => relayPolicies(url),
  };
}

/** Of a record in a relay's view. */
export function idOf({ origin, key }: Pick<SeenRecord, "origin" | "key">): string {
  return `${origin} ${key}`;
}

function heard(seconds: number | null): string {
  if (seconds === null) return "from disk: the hub was not heard of since its start";
  return seconds === 0 ? "connected to the hub now" : `last heard of the hub ${seconds} s ago`;
}

/**
 * The lines of a view, until the relay ends it; a relay that is killed breaks it off, which ends it
 * too.
 * @throws CommandError when the relay cannot be reached, or says something else.
 */
export async function* viewLines(url: string, path: string): AsyncGenerator<ViewLine> {
  const response = await fetchRelay(url, path);
  if (response.body === null) return;
  const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
  try {
    for await (const text of createInterface({ input: body })) yield readLine(url, text);
  } catch (error) {
    if (error !== body.errored) throw error;
  }
}

/** @throws CommandError naming the field that is wrong, and its rule. */
function readLine(url: string, text: string): ViewLine {
  const line = viewLineSchema.safeParse(parseJson(text));
  if (!line.success) throw foreign(url, line.error);
  if (line.data.event === "listed") return { kind: "listed", ...line.data };
  const { origin, key, revision, deleted } = line.data;
  const record = readRecord(line.data.record);
  if (!record.ok)
    throw new CommandError(`${url}: ${key}: ${record.error.field}: ${record.error.rule}`);
  return {
    kind: "record",
    seen: { origin, key, revision, record: record.record },
    isDeleted: deleted === true,
  };
}
