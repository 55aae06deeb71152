/**
 * `POST /v1/own`: what a relay writes and reads of its own cluster, by its credential. Each request
 * shows a token of its own, as each connection does. [CRD4] [CRE21]
 */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { syncOwn } from "../../shared/api/own.ts";
import type { OwnWrite } from "../../shared/api/own.ts";
import { verifyRelay } from "../auth/verify-relay.ts";
import type { Credential } from "../auth/credential.ts";
import type { OwnChange, SyncedOwn } from "../mesh/own-objects.ts";
import { refusalOf } from "./dial-refusals.ts";
import { readScope, showGrant } from "./grants.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import { readRcc, showRcc } from "./rccs.ts";
import { newRouter, ok, serve } from "./serve.ts";

export function ownRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, syncOwn, async ({ body }, { headers }) => {
    const { cluster, mesh, meshId, keyGeneration } = await requireRelay(ports, headers);
    const caller = { meshId, clusterUid: cluster.uid, keyGeneration };
    const read = body.writes.map(readWrite);
    const changes = read.flatMap((one) => ("refused" in one ? [] : [one.change]));
    const synced = valueOf(await ports.own(mesh).sync(caller, changes));
    return ok({ ...showOwn(synced), results: resultsOf(read, synced) });
  });
  return router;
}

async function requireRelay(ports: HubPorts, headers: Headers): Promise<Credential> {
  const { publicKeys } = await ports.hubKeys();
  const checked = await verifyRelay(headers, publicKeys, ports.clock.now());
  if (!checked.ok) throw new HttpProblem(401, checked.code, checked.detail);
  const { relay, token } = checked;
  const { uid } = relay.cluster;
  const waitMs = ports.requestWaitMs(uid);
  if (waitMs > 0)
    throw new HttpProblem(
      429,
      "too-many-requests",
      "the relays of this cluster make too many requests",
      undefined,
      { "retry-after": String(Math.ceil(waitMs / 1000)) },
    );
  // Its own Origin takes each token once, and is sure to exist.
  const permit = await ports.origin({ id: relay.meshId, name: relay.mesh }, uid).mayDial({
    meshName: relay.mesh,
    clusterUid: uid,
    keyGeneration: relay.keyGeneration,
    originUid: uid,
    token,
  });
  if (permit !== "yes") throw refusalOf(permit);
  return relay;
}

type ReadWrite =
  | { readonly change: OwnChange }
  | { readonly refused: { readonly status: number; readonly code: string; detail: string } };

/** A document that breaks a rule costs no other of the request. */
function readWrite(write: OwnWrite): ReadWrite {
  try {
    switch (write.op) {
      case "apply-rcc": {
        const { op, under, document } = write;
        return { change: { op, under, request: readRcc(document) } };
      }
      case "apply-grant": {
        const { op, under, reader, scope } = write;
        return { change: { op, under, reader, scope: readScope(scope) } };
      }
      case "delete-rcc":
      case "delete-grant":
        return { change: { ...write } };
    }
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    return { refused: { status: error.status, code: error.code, detail: error.message } };
  }
}

function resultsOf(read: readonly ReadWrite[], { refusals }: SyncedOwn) {
  let next = 0;
  return read.map((one) => {
    const refusal = "refused" in one ? one.refused : (refusals[next++] ?? null);
    if (refusal === null) return { ok: true as const };
    const { status, code, detail } = refusal;
    return { ok: false as const, status, code, detail };
  });
}

function showOwn({ cluster, suspended, rccs, grants }: SyncedOwn) {
  return {
    cluster: { ...cluster },
    suspended,
    rccs: rccs.map((rcc) => ({ ...showRcc(rcc), under: rcc.row.under ?? null })),
    grants: grants.map((grant) => ({ ...showGrant(grant), under: grant.under ?? null })),
  };
}
