/**
 * `/v1/connect/…`: the relays' sockets. The relay is known from its credential alone, and the
 * Origin decides whether it may stay. Which origins there are is asked of the Origin of the relay's
 * own cluster, which is sure to exist; the Mesh object is never called here, because every relay of
 * the mesh may come at once. [CRE3] [CRE7] [CRE15]
 */
import { Hono } from "hono";

import type { Credential } from "../auth/credential.ts";
import { verifyRelay } from "../auth/verify-relay.ts";
import { originObjectName } from "../ports.ts";
import type { DialPermit } from "../ports.ts";
import { requireUpgrade, withInternalHeaders } from "./forward.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem } from "./problem.ts";

const UID = /^[0-9a-f]{32}$/;

export function connectRoutes(ports: HubPorts): Hono {
  const router = new Hono();
  router.get("/v1/connect/home", async (c) => {
    const relay = await authenticate(ports, c.req.raw);
    return connect(ports, c.req.raw, relay, "home", relay.cluster.uid);
  });
  router.get("/v1/connect/watch/:originUid", async (c) => {
    const relay = await authenticate(ports, c.req.raw);
    const originUid = c.req.param("originUid");
    if (!UID.test(originUid))
      throw new HttpProblem(404, "no-such-origin", "an origin's UID is 32 hex digits");
    await requirePermit(ports, relay, originUid);
    return connect(ports, c.req.raw, relay, "watch", originUid);
  });
  return router;
}

async function authenticate(ports: HubPorts, request: Request): Promise<Credential> {
  const { publicKey } = await ports.hubKeys();
  const checked = await verifyRelay(request.headers, publicKey, ports.clock.now());
  if (!checked.ok) throw new HttpProblem(401, checked.code, checked.detail);
  requireUpgrade(request);
  if (!ports.hasRoom(checked.relay.cluster.uid))
    throw new HttpProblem(
      503,
      "hub-full",
      "this hub holds as many sockets as its limit on open files allows, or this cluster as many as are left for it: raise the limit (ulimit -n) and restart the hub",
    );
  return checked.relay;
}

/** Before an object of that name is touched, for touching it makes it. */
async function requirePermit(ports: HubPorts, relay: Credential, originUid: string): Promise<void> {
  const { uid: clusterUid } = relay.cluster;
  const own = ports.origin(originObjectName(relay.meshId, clusterUid));
  const { mesh: meshName, keyGeneration } = relay;
  const permit = await own.mayDial({ meshName, clusterUid, keyGeneration, originUid });
  if (permit === "yes") return;
  const [status, detail] = REFUSALS[permit];
  throw new HttpProblem(status, permit, detail);
}

const REFUSALS = {
  "access-denied": [403, "no RCC of this cluster names an origin of this UID"],
  unauthenticated: [401, "the cluster's key was replaced by a newer one: join again"],
  removed: [410, "the cluster was removed from the mesh"],
  "not-ready": [503, "the mesh has not said yet what this cluster may see: try again"],
} as const satisfies Readonly<Record<Exclude<DialPermit, "yes">, readonly [number, string]>>;

function connect(
  ports: HubPorts,
  request: Request,
  relay: Credential,
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
  });
  return ports.origin(originObjectName(relay.meshId, originUid)).fetch(forwarded);
}
