/**
 * The hub's objects as those who call them see them. Workers' own types of stubs wrap every value
 * in promises and lose `readonly`; what crosses are plain values, so the interfaces hold as they
 * are.
 */
import type { MeshCalls, OriginCalls } from "./ports.ts";
import { objectsOf } from "./place.ts";

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
  return stubOf(objectsOf(env.MESH, env.JURISDICTION, mesh), `mesh:${mesh}`);
}

export function stubOf<T>(namespace: DurableObjectNamespace, name: string): T {
  return namespace.get(namespace.idFromName(name)) as unknown as T;
}
