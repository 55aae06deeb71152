/**
 * Where objects are. The same name is another object in each jurisdiction, so that all who call an
 * object of a mesh must agree on where it is: they read it in the mesh's name, and ask nobody.
 * [DEP9] [DEP12]
 */
import { jurisdictionOf } from "../shared/lib/mesh-name.ts";

/** A mesh of that name cannot be here, and so there is none. */
export class NoSuchPlace extends Error {}

/** Of a mesh. */
export interface MeshPlace {
  /** `null`: anywhere. */
  readonly jurisdiction: string | null;
  /** Why this hub cannot have it there, behind the name of a field; `null`: it can. */
  readonly problem: string | null;
}

/** Those of the hub itself: all where `JURISDICTION` says, or anywhere. [DEP9] */
export function objectsIn(
  namespace: DurableObjectNamespace,
  jurisdiction: string | undefined,
): DurableObjectNamespace {
  if (jurisdiction === undefined || jurisdiction === "") return namespace;
  return namespace.jurisdiction(jurisdiction as DurableObjectJurisdiction);
}

/**
 * Those of a mesh: where its name says, else where the hub's are.
 * @param jurisdiction The hub's own.
 * @throws NoSuchPlace
 */
export function objectsOf(
  namespace: DurableObjectNamespace,
  jurisdiction: string | undefined,
  meshName: string,
): DurableObjectNamespace {
  const place = placeOf(namespace, jurisdiction, meshName);
  if (place.problem !== null) throw new NoSuchPlace(place.problem);
  return objectsIn(namespace, place.jurisdiction ?? undefined);
}

/**
 * Whether a hub can have a mesh of this name, and where. No object is made or asked.
 * @param jurisdiction The hub's own.
 */
export function placeOf(
  namespace: DurableObjectNamespace,
  jurisdiction: string | undefined,
  meshName: string,
): MeshPlace {
  const hub = jurisdiction === undefined || jurisdiction === "" ? null : jurisdiction;
  const own = jurisdictionOf(meshName);
  if (own === null) return { jurisdiction: hub, problem: null };
  if (hub !== null && hub !== own)
    return {
      jurisdiction: own,
      problem: `this hub keeps all meshes in ${hub}, and none in ${own}`,
    };
  try {
    namespace.jurisdiction(own);
    return { jurisdiction: own, problem: null };
  } catch {
    // A hub of one's own: all that it has is on its disk.
    const problem = `this hub cannot keep a mesh in ${own}: its platform does not know the jurisdiction; Cloudflare does`;
    return { jurisdiction: own, problem };
  }
}
