/**
 * What is held back at a cluster's relay because so much was missing at once, and what an operator
 * has decided about it at the hub. [PUB20]
 */
import { z } from "zod";

/** A hold, as its relay tells it. */
export interface HeldWithdrawal {
  /** As `catwalk relay withdrawal list` names it. */
  readonly collection: string;
  readonly keys: number;
  /** Unix ms on the relay's clock; they tell one hold from another. */
  readonly sinceMs: number;
  /** When it ends; `null`: an operator has rejected it. */
  readonly untilMs: number | null;
}

/** Decides exactly these holds: one that began at another time is another one. */
export interface WithdrawalOrder {
  /** `confirm`: they are gone. `reject`: they stay until the source lists them again. */
  readonly decision: "confirm" | "reject";
  readonly holds: readonly Pick<HeldWithdrawal, "collection" | "sinceMs">[];
}

/** One for each collection. */
export const MAX_HOLDS = 32;

const count = z.int().nonnegative();
const collection = z.string().max(64);

export const heldSchema = z
  .array(z.object({ collection, keys: count, sinceMs: count, untilMs: count.nullable() }))
  .max(MAX_HOLDS);

export const withdrawalOrderSchema = z.looseObject({
  decision: z.enum(["confirm", "reject"]),
  holds: z.array(z.looseObject({ collection, sinceMs: count })).max(MAX_HOLDS),
});
