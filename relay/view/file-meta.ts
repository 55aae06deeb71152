/** The door of view files: what a body says beside its records, checked. */
import { z } from "zod";

import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { scopeField } from "../../shared/visibility/parse-facts.ts";
import type { ChannelHealth } from "./channel-view.ts";
import type { Opened } from "./opened.ts";
import type { Shown } from "./shown.ts";

/**
 * With the scope that the view was narrowed to: a version that knows none takes it over, and drops
 * it.
 */
export interface ViewHeader extends Shown {
  readonly rcc: string;
  readonly meshId: string;
  readonly originUid: string;
  readonly originName: string;
}

export type FileEvent =
  | ({ readonly type: "header" } & ViewHeader)
  /** Records that were held when the file was rewritten. */
  | { readonly type: "kept"; readonly channel: Channel }
  | {
      readonly type: "position";
      readonly channel: Channel;
      readonly health: Pick<ChannelHealth, "cursor" | "verified">;
      readonly isPopulated: boolean;
    }
  /** Channels that were complete once. */
  | { readonly type: "complete"; readonly channels: readonly Channel[] };

/** The meta of a body: all that it says beside its records. */
export type OpenedBody = Opened | FileEvent;

const channel = z.enum(CHANNELS);
const whole = z.int().nonnegative();
const bytes = z.instanceof(Uint8Array);
const deletion = z.object({
  op: z.literal("delete"),
  keyHash: bytes,
  cause: z.enum(["observed", "inferred"]),
});
/** Puts are records of the body. */
const changes = z.array(deletion);

const headerFields = {
  rcc: z.string(),
  meshId: z.string(),
  originUid: z.string(),
  originName: z.string(),
  scope: scopeField.exactOptional(),
  kept: z.array(z.string()).exactOptional(),
};

/** That a repair was asked for is in no file. */
const metaSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("header"), ...headerFields }),
  z.object({ type: z.literal("kept"), channel }),
  z.object({
    type: z.literal("position"),
    channel,
    health: z.object({
      cursor: z.object({ epoch: z.string(), revision: whole, chain: bytes }).nullable(),
      verified: z.object({ revision: whole, digest: bytes }).nullable(),
    }),
    isPopulated: z.boolean(),
  }),
  z.object({ type: z.literal("complete"), channels: z.array(channel) }),
  z.object({
    type: z.literal("repair-plan"),
    channel,
    epoch: z.string(),
    head: whole,
    blobs: whole,
    after: whole,
    chain: bytes,
  }),
  z.object({
    type: z.literal("blob"),
    channel,
    bits: whole,
    prefix: whole,
    revision: whole,
    changes,
  }),
  z.object({
    type: z.literal("tail"),
    channel,
    after: whole,
    previous: bytes,
    revision: whole,
    chain: bytes,
    changes,
  }),
  z.object({
    type: z.literal("checkpoint"),
    channel,
    epoch: z.string(),
    revision: whole,
    digest: bytes,
    populated: z.boolean(),
    sweep: z.boolean(),
  }),
]);

/** @returns `null` for what this version does not know. */
export function parseMeta(value: unknown): OpenedBody | null {
  const parsed = metaSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** The header of a file, without its type. @returns `null` for what is none. */
export function parseHeader(value: unknown): ViewHeader | null {
  const parsed = z.object(headerFields).safeParse(value);
  return parsed.success ? parsed.data : null;
}
