/** `GET /v1/version`: which version a hub is, and which protocols it speaks with relays. [API13] */
import { z } from "zod";

import { operation } from "./operation.ts";

export const getVersion = operation({
  id: "getVersion",
  summary: "The version of this hub and of its protocols",
  tag: "Status",
  method: "get",
  path: "/v1/version",
  access: "anyone",
  answer: z
    .object({ version: z.string(), protocols: z.array(z.number().int()) })
    .meta({ id: "Version" }),
  successes: { 200: { description: "Versions" } },
});
