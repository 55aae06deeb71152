/**
 * A mesh's name, which says where its objects are: `prod` wherever the hub keeps them, `prod.eu` in
 * the EU. So whoever knows the name knows the place and asks nobody for it, and a mesh cannot be
 * moved: elsewhere it would have another name. [NAM7] [DEP12]
 */
import { NAME_PATTERN, NAME_RULE } from "./names.ts";

/** Of Durable Objects: developers.cloudflare.com/durable-objects/reference/data-location */
export const JURISDICTIONS = ["eu", "us", "fedramp", "fedramp-high"] as const;
export type Jurisdiction = (typeof JURISDICTIONS)[number];

/** A name [NAM1], then perhaps a dot and a jurisdiction. */
export const MESH_NAME_PATTERN = new RegExp(
  `${NAME_PATTERN.source.slice(0, -1)}(\\.(${JURISDICTIONS.join("|")}))?$`,
);

/** The rule in words, as it stands behind the name of a field. */
export const MESH_NAME_RULE = `${NAME_RULE}; then, for a mesh with a jurisdiction, a dot and one of ${JURISDICTIONS.join(", ")}`;

export function isMeshName(text: string): boolean {
  return MESH_NAME_PATTERN.test(text);
}

/** `null`: the mesh is where its hub keeps everything, or the text is no mesh's name. */
export function jurisdictionOf(meshName: string): Jurisdiction | null {
  if (!isMeshName(meshName)) return null;
  const end = meshName.slice(meshName.indexOf(".") + 1);
  return meshName.includes(".") ? (JURISDICTIONS.find((one) => one === end) ?? null) : null;
}

/** The mesh whose token this is: `<prefix>_<mesh>_<48 hex digits>`; `null` for anything else. */
export function meshNameIn(token: string, prefix: "cwj" | "cwt"): string | null {
  const [kind, name = "", secret = "", ...more] = token.split("_");
  const isToken = kind === prefix && more.length === 0 && /^[0-9a-f]{48}$/.test(secret);
  return isToken && isMeshName(name) ? name : null;
}
