/**
 * What the hub answers to a request that it refuses: RFC 9457, `application/problem+json`. [API1]
 */
import { z } from "zod";

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), rule: z.string() })).optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.output<typeof problemSchema>;
