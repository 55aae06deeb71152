/**
 * The messages between relays of a cluster, in frames. One question a connection:
 * positions, or files. The answer to the second is one file after the other, each announced with
 * its size, and then `end`; a connection that closes before has said nothing whole. [PEE2]
 *
 * The first byte of a frame tells whether a message (JSON) or a part of a file follows. Unknown
 * fields are ignored.
 */
import { z } from "zod";

import { parseJson } from "../../shared/lib/parse-json.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { parseAccessFacts } from "../../shared/visibility/parse-facts.ts";
import { PeerError } from "./frames.ts";

/** Names of RCCs become names of files: what is none is refused. */
const rccName = z.string().regex(NAME_PATTERN, NAME_RULE);
const count = z.number().int().nonnegative();

/** Of a file. 100,000 endpoints have some 40 MB. */
export const MAX_VIEW_BYTES = 1024 * 1024 * 1024;
/** 1,000 remotes, 4,096 ranges and 4,096 refusals have about 1 MB. */
export const MAX_FACTS_BYTES = 8 * 1024 * 1024;
const MAX_REMOTES = 1_000;

/** Names of 1,000 remotes. Less than a frame, because it is held before it is known whose it is. */
export const MAX_QUESTION_BYTES = 128 * 1024;

const viewPosition = z.object({
  rcc: rccName,
  originUid: z.string(),
  /** It was complete once: Felix may be told that this is all there is. */
  isLoaded: z.boolean(),
  /**
   * Sum over the channels; which of two is further can only be told so, across epochs not at all,
   * and the hub repairs what is behind.
   */
  revision: count,
});
export type ViewPosition = z.output<typeof viewPosition>;

const question = z.discriminatedUnion("type", [
  z.object({ type: z.literal("positions") }),
  /** Frames of `relay/feed` follow both ways, until one side ends. */
  z.object({ type: z.literal("follow"), name: z.string().max(253) }),
  z.object({
    type: z.literal("files"),
    facts: z.boolean(),
    rccs: z.array(rccName).max(MAX_REMOTES),
  }),
]);
export type Question = z.output<typeof question>;

const positions = z.object({
  type: z.literal("positions"),
  /** `null`: it knows no more than who asks. */
  facts: z.object({ meshId: z.string(), accessVersion: count }).nullable(),
  views: z.array(viewPosition).max(MAX_REMOTES),
});
export type Positions = z.output<typeof positions>;

const answer = z.discriminatedUnion("type", [
  positions,
  /** As many as it serves at once have asked before. */
  z.object({ type: z.literal("busy") }),
  /** That many bytes of it follow. `rcc` null: the access facts. */
  z.object({
    type: z.literal("file"),
    rcc: rccName.nullable(),
    bytes: count.max(MAX_VIEW_BYTES),
  }),
  z.object({ type: z.literal("end") }),
]);
export type Answer = z.output<typeof answer>;

const MESSAGE = "m".charCodeAt(0);
const PART = "p".charCodeAt(0);

export type Frame<Message> =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "part"; readonly bytes: Buffer };

export function messageFrame(message: Question | Answer): Buffer {
  return Buffer.concat([Buffer.of(MESSAGE), Buffer.from(JSON.stringify(message))]);
}

export function partFrame(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(PART), bytes]);
}

/** @throws PeerError */
export function readQuestion(frame: Buffer): Question {
  return parse(question, frame.subarray(1));
}

/** @throws PeerError */
export function readAnswer(frame: Buffer): Frame<Answer> {
  if (frame[0] === PART) return { type: "part", bytes: frame.subarray(1) };
  return { type: "message", message: parse(answer, frame.subarray(1)) };
}

/** @throws PeerError */
export function readFacts(bytes: Buffer): AccessFacts {
  const parsed = parseAccessFacts(bytes.toString());
  if (!parsed.ok) throw new PeerError(`access facts: ${parsed.rule}`);
  return parsed.value;
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer): T {
  const json = parseJson(bytes.toString());
  if (!json.ok) throw new PeerError("what it says is no JSON");
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return parsed.data;
  const [problem] = describeIssues(parsed.error.issues);
  throw new PeerError(`${problem?.field ?? "body"}: ${problem?.rule ?? "is not understood"}`);
}
