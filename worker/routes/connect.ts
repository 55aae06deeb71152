/**
 * `/v1/connect/…`: the relays' sockets. The relay is known from its credential alone, and the
 * Origin decides whether it may stay. Which origins there are is asked of the Origin of the relay's
 * own cluster, which is sure to exist; the Mesh object is never called here, because every relay of
 * the mesh may come at once. The same Origin takes each token once.
 * [CRE3] [CRE7] [CRE15] [CRE21]
 */
import { Hono } from "hono";

import type { Credential } from "../auth/credential.ts";
import { verifyRelay } from "../auth/verify-relay.ts";
import type { MeshRef, ShownToken } from "../ports.ts";
import { refusalIn, refusalOf } from "./dial-refusals.ts";
import { requireUpgrade, withInternalHeaders } from "./forward.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem } from "./problem.ts";

const UID = /^[0-9a-f]{32}$/;

export function connectRoutes(ports: HubPorts): Hono {
  const router = new Hono();
  router.get("/v1/connect/home", async (c) => {
    const dialling = await authenticate(ports, c.req.raw);
    const answer = await connect(ports, c.req.raw, dialling, "home", dialling.relay.cluster.uid);
    if (answer.status === 401) throw refusalOf(refusalIn(await answer.text()));
    return answer;
  });
  router.get("/v1/connect/watch/:originUid", async (c) => {
    const dialling = await authenticate(ports, c.req.raw);
    const originUid = c.req.param("originUid");
    if (!UID.test(originUid))
      throw new HttpProblem(404, "no-such-origin", "an origin's UID is 32 hex digits");
    await requirePermit(ports, dialling, originUid);
    return connect(ports, c.req.raw, dialling, "watch", originUid);
  });
  return router;
}

interface Dialling {
  readonly relay: Credential;
  readonly token: ShownToken | null;
}

async function authenticate(ports: HubPorts, request: Request): Promise<Dialling> {
  const { publicKeys } = await ports.hubKeys();
  const checked = await verifyRelay(request.headers, publicKeys, ports.clock.now());
  if (!checked.ok) throw new HttpProblem(401, checked.code, checked.detail);
  if (checked.relay.isOfOlderKey) ports.onOlderKey(checked.relay.mesh, checked.relay.cluster.name);
  requireUpgrade(request);
  if (!ports.hasRoom(checked.relay.cluster.uid))
    throw new HttpProblem(
      503,
      "hub-full",
      "this hub holds as many sockets as its limit on open files allows, or this cluster as many as are left for it: raise the limit (ulimit -n) and restart the hub",
    );
  const waitMs = ports.dialWaitMs(checked.relay.cluster.uid);
  if (waitMs > 0)
    throw new HttpProblem(
      429,
      "too-many-dials",
      "the relays of this cluster open more connections than the hub takes of one: come again later",
      undefined,
      { "retry-after": String(Math.ceil(waitMs / 1000)) },
    );
  return checked;
}

/** The credential says it, and so where the objects are. */
function meshOf({ meshId, mesh }: Credential): MeshRef {
  return { id: meshId, name: mesh };
}

/** Before an object of that name is touched, for touching it makes it. */
async function requirePermit(
  ports: HubPorts,
  { relay, token }: Dialling,
  originUid: string,
): Promise<void> {
  const { uid: clusterUid } = relay.cluster;
  const own = ports.origin(meshOf(relay), clusterUid);
  const { mesh: meshName, keyGeneration } = relay;
  const permit = await own.mayDial({ meshName, clusterUid, keyGeneration, originUid, token });
  if (permit !== "yes") throw refusalOf(permit);
}

function connect(
  ports: HubPorts,
  request: Request,
  { relay, token }: Dialling,
  role: "home" | "watch",
  originUid: string,
): Promise<Response> {
  const forwarded = withInternalHeaders(request, {
    role,
    clusterUid: relay.cluster.uid,
    keyGeneration: String(relay.keyGeneration),
    meshId: relay.meshId,
    meshName: relay.mesh,
    originUid,
    // Elsewhere it was shown to the relay's own Origin before.
    tokenId: role === "home" ? (token?.id ?? "") : "",
    tokenIssuedMs: role === "home" ? String(token?.issuedMs ?? "") : "",
  });
  return ports.origin(meshOf(relay), originUid).fetch(forwarded);
}
