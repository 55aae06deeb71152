/** `POST /v1/join`: a join token and a public key for a credential. The only request that needs neither admin nor credential. [CRE1] */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import { publicKeySchema, signCredential, thumbprint } from "../auth/credential.ts";
import { hashToken, meshOfToken } from "../mesh/membership.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import { jsonAnswer, jsonBody, newRouter, NO_QUERY, PROBLEMS, refSchema } from "./router.ts";

const join = createRoute({
  operationId: "join",
  summary: "Exchange a join token and a public key for a credential",
  tags: ["Join"],
  method: "post",
  path: "/v1/join",
  request: {
    query: NO_QUERY,
    body: jsonBody(z.strictObject({ joinToken: z.string().max(256), publicKey: publicKeySchema })),
  },
  responses: {
    200: jsonAnswer(
      "Membership; the same token and key give it again",
      z.object({
        credential: z.string(),
        meshId: z.string(),
        mesh: z.string(),
        cluster: refSchema,
        keyGeneration: z.number().int(),
      }),
    ),
    ...PROBLEMS,
  },
});

export function joinRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  router.openapi(join, async (c) => {
    const { joinToken, publicKey } = c.req.valid("json");
    const meshName = meshOfToken(joinToken);
    if (meshName === null)
      throw new HttpProblem(
        401,
        "join-token-wrong",
        "joinToken: a join token looks like cwj_<mesh>_<48 hex digits>",
      );
    if (!(await ports.directory().hasMesh(meshName)))
      throw new HttpProblem(401, "join-token-wrong", "the join token is not one of this hub");
    const kid = await thumbprint(publicKey);
    const joined = valueOf(await ports.mesh(meshName).join(hashToken(joinToken), kid));
    const { privateKey } = await ports.hubKeys();
    return c.json(
      {
        credential: await signCredential(joined, publicKey, privateKey),
        meshId: joined.meshId,
        mesh: joined.mesh,
        cluster: { ...joined.cluster },
        keyGeneration: joined.keyGeneration,
      },
      200,
    );
  });
  return router;
}
