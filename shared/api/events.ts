/** `/v1/meshes/{mesh}/events`: what happened, oldest first, from a cursor. */
import { z } from "zod";

import { limitSchema, meshParams, refSchema } from "./common.ts";
import { operation } from "./operation.ts";

export const eventSchema = z
  .object({
    sequence: z.number().int().meta({ description: "In the mesh; the next `after`" }),
    type: z.string(),
    subject: z.string(),
    subjectSequence: z.number().int().meta({ description: "Among the events of its subject" }),
    at: z.string(),
    since: z.string(),
    status: z.enum(["firing", "resolved"]),
    cluster: refSchema.nullable(),
    summary: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "Event" });
export type EventView = z.output<typeof eventSchema>;

export const listEvents = operation({
  id: "listEvents",
  summary: "What happened, oldest first",
  tag: "Events",
  method: "get",
  path: "/v1/meshes/{mesh}/events",
  params: meshParams,
  query: z.strictObject({
    after: z
      .string()
      .regex(/^\d{1,12}$/, "must be a number of at most 12 digits")
      .transform(Number)
      .optional()
      .meta({
        type: "integer",
        minimum: 0,
        maximum: 999_999_999_999,
        description: "Events after this one; without it: the newest",
      }),
    limit: limitSchema(1000, 100),
  }),
  access: "viewer",
  answer: z.object({
    items: z.array(eventSchema),
    next: z.number().int().meta({ description: "`after` of the next question" }),
  }),
  successes: { 200: { description: "Events; of those that are kept no more nothing is told" } },
});
