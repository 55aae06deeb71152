/** The named values of an Origin's storage, kept as JSON and read by a schema. */
import { z } from "zod";

import { CHANNELS } from "../../../shared/record/channel.ts";
import type { OriginFacts, RangeClaim } from "../../../shared/visibility/facts.ts";
import { parseAccessFacts } from "../../../shared/visibility/parse-facts.ts";
import { parseScope } from "../../../shared/visibility/scope.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import { parseJson } from "../../storage/parse-json.ts";
import { statement } from "../../storage/sql.ts";
import type { SqlDatabase } from "../../storage/sql.ts";
import type { ChannelState, PublisherTerm, StoredProjection } from "./log-store.ts";

const READ = statement("SELECT value FROM state WHERE name = ?", ["text"], { value: "text" });
const WRITE = statement(
  "INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)",
  ["text", "text"],
  {},
);
const FORGET_RANGE = statement(
  "DELETE FROM state WHERE name >= ? AND name < ?",
  ["text", "text"],
  {},
);
const FORGET = statement("DELETE FROM state WHERE name = ?", ["text"], {});

const scopeSchema = z.unknown().transform((value, context): Scope => {
  const parsed = parseScope(value);
  if (parsed.ok && parsed.scope !== null) return parsed.scope;
  context.addIssue("is no scope");
  return z.NEVER;
});

const readerSchema = z.object({
  cluster: z.object({ uid: z.string(), name: z.string() }),
  keyGeneration: z.number(),
  rcc: z.string(),
  channels: z.array(z.enum(CHANNELS)).exactOptional(),
});

/** The fields that `parseAccessFacts` does not look at. */
const readersSchema = z.object({
  readers: z.array(readerSchema),
  scopedReaders: z.array(readerSchema.extend({ scope: scopeSchema })).exactOptional(),
});

const projectionsSchema: z.ZodType<StoredProjection[]> = z.array(
  z.object({
    slot: z.int(),
    scope: z.union([z.null(), scopeSchema]),
    state: z.enum(["building", "ready", "overfull"]),
  }),
);

const channelSchema: z.ZodType<ChannelState> = z.object({
  epoch: z.string(),
  populated: z.boolean(),
  foldedTo: z.int(),
});

const termSchema: z.ZodType<PublisherTerm> = z.object({ leaseUid: z.string(), term: z.number() });

const claimsSchema: z.ZodType<RangeClaim[]> = z.array(
  z.object({ cidr: z.string(), use: z.enum(["pods", "nodes"]) }),
);

/** @throws Error for claims that were not written here. */
export function parseClaims(text: string): RangeClaim[] {
  return readOrThrow("claims", claimsSchema, text);
}

export class StoredState {
  readonly #sql: SqlDatabase;

  constructor(sql: SqlDatabase) {
    this.#sql = sql;
  }

  /** `null` also for facts that cannot be read: the Mesh is asked for them again. [VIS4] */
  facts(): OriginFacts | null {
    const text = this.#text("facts");
    if (text === null) return null;
    const own = parseAccessFacts(text);
    const readers = parseJson(readersSchema, text);
    if (!own.ok || readers.kind === "unreadable") return null;
    return { ...own.value, ...readers.value };
  }

  projections(): StoredProjection[] {
    return this.#read("projections", projectionsSchema) ?? [];
  }

  judgedVersion(): number {
    return this.#read("judged", z.number()) ?? 0;
  }

  term(): PublisherTerm {
    return this.#read("term", termSchema) ?? { leaseUid: "", term: 0 };
  }

  mustReview(): boolean {
    return this.#read("review", z.boolean()) ?? false;
  }

  channel(name: string): ChannelState | null {
    return this.#read(name, channelSchema);
  }

  save(name: string, value: unknown): void {
    WRITE.all(this.#sql, name, JSON.stringify(value));
  }

  forget(name: string): void {
    FORGET.all(this.#sql, name);
  }

  /** By a range, because LIKE ignores case and so finds no use for the index. */
  forgetPrefix(prefix: string): void {
    FORGET_RANGE.all(this.#sql, prefix, `${prefix}\u{10ffff}`);
  }

  #text(name: string): string | null {
    return READ.first(this.#sql, name)?.value ?? null;
  }

  #read<T>(name: string, schema: z.ZodType<T>): T | null {
    const text = this.#text(name);
    return text === null ? null : readOrThrow(name, schema, text);
  }
}

/** @throws Error: the storage is corrupt, and to go on would lose more. */
function readOrThrow<T>(name: string, schema: z.ZodType<T>, text: string): T {
  const parsed = parseJson(schema, text);
  if (parsed.kind === "value") return parsed.value;
  throw new Error(`BUG: stored ${name} is unreadable: ${parsed.rule}`);
}
