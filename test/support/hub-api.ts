/** The admin API for tests: the command line's own client. */
import { Client } from "../../cli/admin/client.ts";

/** @param mesh That `client.mesh` names; operations may name others. */
export function adminOf(
  hub: { readonly url: string; readonly adminToken: string },
  mesh: string,
): Client {
  return new Client({ server: hub.url, token: hub.adminToken, mesh, relays: {} });
}
