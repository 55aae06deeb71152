/**
 * The hub's objects as those who call them see them. Workers' own types of stubs wrap every value
 * in promises and lose `readonly`; what crosses are plain values, so the interfaces hold as they
 * are.
 */
import type { MeshCalls, OriginCalls } from "./ports.ts";

export interface OriginStub extends OriginCalls {
  /** Takes a WebSocket upgrade that the Worker has authenticated. */
  fetch(request: Request): Promise<Response>;
}

/** @param objectName See `originObjectName`. */
export function originStub(origins: DurableObjectNamespace, objectName: string): OriginStub {
  return stubOf(origins, objectName);
}

/** What an Origin asks of its Mesh. @param mesh Its name. */
export function meshOfOrigin(
  env: { readonly MESH: DurableObjectNamespace; readonly JURISDICTION?: string },
  mesh: string,
): MeshCalls {
  return stubOf(objectsIn(env.MESH, env.JURISDICTION), `mesh:${mesh}`);
}

/**
 * Where a hub's objects may be: all of them where `JURISDICTION` says, or anywhere. The same name
 * is another object in each, so that it must not change once there are meshes. [DEP9]
 */
export function objectsIn(
  namespace: DurableObjectNamespace,
  jurisdiction: string | undefined,
): DurableObjectNamespace {
  if (jurisdiction === undefined || jurisdiction === "") return namespace;
  return namespace.jurisdiction(jurisdiction as DurableObjectJurisdiction);
}

export function stubOf<T>(namespace: DurableObjectNamespace, name: string): T {
  return namespace.get(namespace.idFromName(name)) as unknown as T;
}
