/** Conditions, in the form of Kubernetes' `metav1.Condition`. [API44] [API57] */
import { z } from "zod";

export const conditionSchema = z
  .object({
    type: z.enum(["Accepted", "Granted", "Connected", "InSync", "OverlayReady"]),
    status: z.enum(["True", "False", "Unknown"]),
    reason: z.string(),
    message: z.string(),
    observedGeneration: z.number().int().meta({
      description: "The accessVersion that it is about",
    }),
    lastTransitionTime: z.string().meta({
      description: "When what it depends on changed last",
    }),
  })
  .meta({ id: "Condition" });
export type Condition = z.output<typeof conditionSchema>;

/** Of an RCC and a grant. */
export const conditionsField = z.array(conditionSchema).default([]).meta({
  description:
    "What the registry knows. Connected and InSync are in an RCC that is got, and status",
});
