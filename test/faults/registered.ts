/**
 * A mesh with one origin and one reader, made over the admin API of any hub, with real credentials.
 */
import { join } from "node:path";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { adminOf } from "../support/hub-api.ts";
import { Credentials } from "../../relay/hub/credentials.ts";

export interface Registered {
  readonly origin: Credentials;
  readonly homeUrl: string;
  readonly reader: Credentials;
  readonly watchUrl: string;
}

/** @param root Folder for the state of the two. */
export async function register(
  hub: { readonly url: string; readonly adminToken: string },
  root: string,
): Promise<Registered> {
  const admin = adminOf(hub, "m");
  await admin.call(createMesh, { body: { name: "m" } });
  const add = async (name: string, cidrs: readonly string[]): Promise<Credentials> => {
    const added = await admin.call(addCluster, {
      params: { mesh: "m" },
      body: { name, ...(cidrs.length === 0 ? {} : { cidrs: [...cidrs] }) },
    });
    const credentials = await Credentials.open(join(root, name));
    await credentials.join(hub.url, added.joinToken);
    return credentials;
  };
  const origin = await add("o", ["10.0.0.0/8"]);
  const reader = await add("r", []);
  await admin.call(applyRcc, {
    params: { mesh: "m", cluster: "r", rcc: "o" },
    body: memberRcc("o"),
  });
  await admin.call(createGrant, { params: { mesh: "m" }, body: { origin: "o", reader: "r" } });
  const base = hub.url.replace("http", "ws");
  return {
    origin,
    homeUrl: `${base}/v1/connect/home`,
    reader,
    watchUrl: `${base}/v1/connect/watch/${origin.membership?.cluster.uid}`,
  };
}
