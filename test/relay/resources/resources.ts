/** Custom resources, and a hub's state, for tests. */
import type { OwnState } from "../../../shared/api/own.ts";
import type { JsonObject } from "../../../relay/kube/kube-object.ts";
import { readResource } from "../../../relay/resources/resource.ts";
import type { Kind, Resource } from "../../../relay/resources/resource.ts";

export function objectOf(
  kind: Kind,
  name: string,
  spec: JsonObject = kind === "grant" ? { cluster: name } : {},
  metadata: JsonObject = {},
): JsonObject {
  return {
    apiVersion: "catwalk.dev/v1",
    kind: kind === "rcc" ? "RemoteClusterConfiguration" : "RemoteClusterGrant",
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-11-30T00:00:00Z",
      ...metadata,
    },
    spec,
  };
}

export function resourceOf(...given: Parameters<typeof objectOf>): Resource {
  const resource = readResource(given[0], objectOf(...given));
  if (resource === null) throw new Error("it has a name");
  return resource;
}

export const NO_OBJECTS: OwnState = {
  cluster: { uid: "a", name: "app" },
  suspended: false,
  rccs: [],
  grants: [],
};

type Rcc = OwnState["rccs"][number];
type Grant = OwnState["grants"][number];

/** As the hub shows it; `under: null`: the API's. */
export function rccAt(
  name: string,
  under: string | null,
  more: { readonly spec?: Rcc["spec"]; readonly state?: Rcc["status"]["state"] } = {},
): Rcc {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name, creationTimestamp: "2026-11-30T00:00:00Z", annotations: {} },
    spec: more.spec ?? {},
    status: {
      managedBy: under === null ? "api" : "cluster",
      vetoed: false,
      remote: { uid: "d", name },
      state: more.state ?? "granted",
      notServed: [],
      conditions: [],
    },
    under,
  };
}

export function grantAt(reader: string, under: string | null, scope?: Grant["scope"]): Grant {
  return {
    origin: { uid: "a", name: "app" },
    reader: { uid: "r", name: reader },
    createdAt: "2026-11-30T00:00:00Z",
    used: true,
    managedBy: under === null ? "api" : "cluster",
    vetoed: false,
    ...(scope === undefined ? {} : { scope }),
    conditions: [],
    under,
  };
}
