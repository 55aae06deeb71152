/** Who makes a request of the admin API, by its bearer token. [CRE4] [API40] */
import type { CallerRole } from "../../shared/api/roles.ts";
import { hashToken } from "../mesh/membership.ts";
import { meshOfApiToken } from "../mesh/tokens/api-tokens.ts";
import type { TokenCalls } from "../mesh/tokens/api-tokens.ts";
import { isAdmin } from "./admin-token.ts";

export interface Caller {
  readonly role: CallerRole;
  /** Name of an owner's cluster. */
  readonly cluster: string | null;
  /** For the audit. */
  readonly who: string;
  /** Whose rate of requests counts; `null`: nobody's. */
  readonly rateOf: string | null;
}

export interface TokenRegistry {
  readonly adminTokenHash: string;
  hasMesh(name: string): Promise<boolean>;
  tokens(mesh: string): Pick<TokenCalls, "authenticate">;
}

const HUB: Caller = { role: "hub", cluster: null, who: "admin", rateOf: null };

/**
 * @param mesh That the request is about; `null`: it is about none.
 * @returns `null`: nobody. A token of one mesh is nothing in another.
 */
export async function authenticate(
  authorization: string | null,
  mesh: string | null,
  registry: TokenRegistry,
): Promise<Caller | null> {
  if (isAdmin(authorization, registry.adminTokenHash)) return HUB;
  const token = /^Bearer (\S{1,4096})$/i.exec(authorization ?? "")?.[1] ?? "";
  const own = meshOfApiToken(token);
  if (own === null || (mesh !== null && mesh !== own)) return null;
  // Asking an object makes it: of a mesh that never was there is none. [CRE17]
  if (!(await registry.hasMesh(own))) return null;
  const holder = await registry.tokens(own).authenticate(hashToken(token));
  if (holder === null) return null;
  return { role: holder.role, cluster: holder.cluster, who: holder.who, rateOf: holder.tokenId };
}
