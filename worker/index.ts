/** The Worker: the app over the environment's objects, and the classes of those objects. */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { createApp } from "./app.ts";
import { importHubKey } from "./auth/hub-key.ts";
import type { HubKeys } from "./auth/hub-key.ts";
import { hubProcess } from "./origin/hub-process.ts";
import {
  directoryStub,
  idempotencyStub,
  meshStub,
  ownStub,
  rehearsalStub,
  tokenStub,
  webhookStub,
} from "./mesh/mesh-stub.ts";
import { objectsIn, objectsOf, placeOf } from "./place.ts";
import { originObjectName } from "./ports.ts";
import { originStub } from "./stubs.ts";

export { MeshObject } from "./mesh/mesh-object.ts";
export { OriginObject } from "./origin/origin-object.ts";

export interface HubEnvironment {
  readonly MESH: DurableObjectNamespace;
  readonly ORIGIN: DurableObjectNamespace;
  /** Private Ed25519 JWK, or a JWK Set that begins with one: a secret. */
  readonly HUB_KEY: string;
  /** Hex SHA-256 of the admin token. */
  readonly ADMIN_TOKEN_HASH: string;
  /** Most sockets that this process may hold; absent: any. */
  readonly MAX_SOCKETS?: string;
  /** See `objectsIn`. */
  readonly JURISDICTION?: string;
}

const apps = new WeakMap<HubEnvironment, OpenAPIHono>();

/** One app for each environment, which lives as long as the isolate. */
function appOf(env: HubEnvironment): OpenAPIHono {
  let app = apps.get(env);
  if (app === undefined) {
    let keys: HubKeys | null = null;
    const meshes = (name: string) => objectsOf(env.MESH, env.JURISDICTION, name);
    app = createApp({
      clock: { now: () => Date.now() },
      adminTokenHash: env.ADMIN_TOKEN_HASH ?? "",
      // The keys are kept, not the promise: one request may not wait for another's.
      hubKeys: async () => (keys ??= await importHubKey(env.HUB_KEY)),
      onOlderKey: (mesh, cluster) => hubProcess.olderKeys.onDial(mesh, cluster),
      mesh: (name, who) => meshStub(meshes(name), name, who),
      idempotency: (name) => idempotencyStub(meshes(name), name),
      rehearsal: (name) => rehearsalStub(meshes(name), name),
      webhooks: (name, who) => webhookStub(meshes(name), name, who),
      own: (name) => ownStub(meshes(name), name),
      tokens: (name) => tokenStub(meshes(name), name),
      requestWaitMs: (token) => hubProcess.requests.request(token, Date.now()),
      directory: () => directoryStub(objectsIn(env.MESH, env.JURISDICTION)),
      hasRoom: (member) => hubProcess.sockets.hasRoom(env.MAX_SOCKETS, member, Date.now()),
      dialWaitMs: (member) => hubProcess.dials.dial(member, Date.now()),
      origin: ({ id, name }, uid) =>
        originStub(objectsOf(env.ORIGIN, env.JURISDICTION, name), originObjectName(id, uid)),
      place: (name) => placeOf(env.MESH, env.JURISDICTION, name),
    });
    apps.set(env, app);
  }
  return app;
}

export default {
  fetch: (request: Request, env: HubEnvironment): Response | Promise<Response> => {
    hubProcess.garbage.requestCame();
    return appOf(env).fetch(request);
  },
};
