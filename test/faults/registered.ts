/** A mesh with one origin and one reader, made over the admin API of any hub, with real credentials. */
import { join } from "node:path";

import { Credentials } from "../../relay/hub/credentials.ts";

export interface Registered {
  readonly origin: Credentials;
  readonly homeUrl: string;
  readonly reader: Credentials;
  readonly watchUrl: string;
}

export async function callHub<T>(
  hub: { readonly url: string; readonly adminToken: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(new URL(path, hub.url), {
    method,
    headers: { authorization: `Bearer ${hub.adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** @param root Folder for the state of the two. */
export async function register(
  hub: { readonly url: string; readonly adminToken: string },
  root: string,
): Promise<Registered> {
  await callHub(hub, "POST", "/v1/meshes", { name: "m" });
  const add = async (name: string, cidrs: readonly string[]): Promise<Credentials> => {
    const added = await callHub<{ joinToken: string }>(hub, "POST", "/v1/meshes/m/clusters", {
      name,
      ...(cidrs.length === 0 ? {} : { cidrs }),
    });
    const credentials = await Credentials.open(join(root, name));
    await credentials.join(hub.url, added.joinToken);
    return credentials;
  };
  const origin = await add("o", ["10.0.0.0/8"]);
  const reader = await add("r", []);
  await callHub(hub, "PUT", "/v1/meshes/m/clusters/r/rccs/o", {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name: "o" },
    spec: {},
  });
  await callHub(hub, "POST", "/v1/meshes/m/grants", { origin: "o", reader: "r" });
  const base = hub.url.replace("http", "ws");
  return {
    origin,
    homeUrl: `${base}/v1/connect/home`,
    reader,
    watchUrl: `${base}/v1/connect/watch/${origin.membership?.cluster.uid}`,
  };
}
