/**
 * What a change would show to whom, or take away: the answer to `dryRun=true`, which applies
 * nothing. [API50]
 */
import { z } from "zod";

import { refSchema } from "./common.ts";

/** `?dryRun=true`. */
export const dryRunQuery = z.strictObject({
  dryRun: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional()
    .meta({
      type: "boolean",
      description: "With `true` nothing is applied: the answer's `effects` say what would become",
    }),
});

const countsSchema = z
  .object({
    endpoints: z.number().int(),
    namespaces: z.number().int().meta({ description: "Of those endpoints" }),
    records: z.number().int().meta({ description: "Of all kinds, endpoints too" }),
  })
  .meta({ id: "EffectCounts" });
export type EffectCountsView = z.output<typeof countsSchema>;

const partSchema = z.enum(["nothing", "part", "all"]);

export const effectSchema = z
  .object({
    origin: refSchema.meta({ description: "Who is seen" }),
    reader: refSchema.meta({ description: "Who sees" }),
    before: partSchema,
    after: partSchema,
    waitsFor: z.enum(["rcc", "grant", "resume"]).nullable().meta({
      description: "What else it needs before anything is visible",
    }),
    counts: z
      .object({ appear: countsSchema, disappear: countsSchema, change: countsSchema })
      .nullable()
      .meta({ description: "null where the origin could not be asked: see `error`" }),
    conflicts: z
      .array(z.object({ address: z.string(), clusters: z.array(z.string()) }))
      .meta({ description: "Addresses that appear, and that others have whom the reader sees" }),
    conflictCount: z.number().int().meta({ description: "Also those that are not listed" }),
    summary: z.string().meta({ description: "All of it in a sentence" }),
    error: z.string().optional(),
  })
  .meta({ id: "Effect" });
export type EffectView = z.output<typeof effectSchema>;

/** In an answer that is also given without `dryRun`. */
export const effectsField = z.array(effectSchema).optional().meta({
  description: "With `dryRun=true`, and then nothing was applied",
});

/** Of the answer's conflicts; the rest are counted. */
export const LISTED_CONFLICTS = 20;
