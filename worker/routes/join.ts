/** A join token and a public key for a credential: the only request that needs neither. [CRE1] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { join } from "../../shared/api/join.ts";
import { JOIN_PROOF } from "../../shared/protocol/join-proof.ts";
import { signCredential, thumbprint } from "../auth/credential.ts";
import { checkJoinProof } from "../auth/join-proof.ts";
import { hashToken, meshOfToken } from "../mesh/membership.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import { newRouter, ok, serve } from "./serve.ts";

export function joinRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, join, async ({ body: { joinToken, publicKey, beside } }, { headers }) => {
    const meshName = meshOfToken(joinToken);
    if (meshName === null)
      throw new HttpProblem(
        401,
        "join-token-wrong",
        "joinToken: a join token looks like cwj_<mesh>_<48 hex digits>",
      );
    if (!(await ports.directory().hasMesh(meshName)))
      throw new HttpProblem(401, "join-token-wrong", "the join token is not one of this hub");
    const proof = await checkJoinProof(headers.get(JOIN_PROOF.header), joinToken, publicKey);
    if (proof === "wrong")
      throw new HttpProblem(
        401,
        "join-proof-wrong",
        `${JOIN_PROOF.header}: must be signed by the key over this join token`,
      );
    const kid = await thumbprint(publicKey);
    const hasProof = proof === "valid";
    const mesh = ports.mesh(meshName);
    const joined = valueOf(await mesh.join(hashToken(joinToken), kid, hasProof, beside === true));
    const { privateKey } = await ports.hubKeys();
    return ok({
      credential: await signCredential(joined, publicKey, privateKey),
      meshId: joined.meshId,
      mesh: joined.mesh,
      cluster: { ...joined.cluster },
      keyGeneration: joined.keyGeneration,
    });
  });
  return router;
}
