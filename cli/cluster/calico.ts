/** What `catwalk install --check`, `felix` and `uninstall` want to know of a cluster. */
import { isJsonObject, objectAt, objectsAt } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { CALICO_NODE, podSpecOf, pointedAt, RELAY_SERVICE, usesTls } from "./felix-env.ts";
import type { Pointed } from "./felix-env.ts";
import { GROUP, POLICY_VERSIONS } from "./felix-policy.ts";
import type { PolicyVersion } from "./felix-policy.ts";
import type { KubeApi } from "./kube-api.ts";

/** Where Calico's two ways of being installed put it. */
export const NAMESPACES = { operator: "calico-system", manifest: "kube-system" } as const;
export type Installed = keyof typeof NAMESPACES;

export interface Nodes {
  readonly wanted: number;
  readonly ready: number;
}

export interface CalicoNode {
  readonly how: Installed;
  readonly namespace: string;
  /** `3.30.2`; `null`: the image does not say. */
  readonly version: string | null;
  readonly datastore: string;
  readonly pointed: Pointed;
  readonly tls: boolean;
  readonly nodes: Nodes;
  /** As the server has it. */
  readonly daemonSet: JsonObject;
}

/** @returns `null`: there is none where Calico puts it. @throws KubeProblem, FieldProblem */
export async function readCalicoNode(api: KubeApi): Promise<CalicoNode | null> {
  for (const how of ["operator", "manifest"] as const) {
    const namespace = NAMESPACES[how];
    const daemonSet = await api.get(daemonSetPath(namespace, CALICO_NODE));
    if (daemonSet === null) continue;
    const pod = podSpecOf(daemonSet);
    const container =
      objectsAt(pod, "containers", "containers").find(({ name }) => name === CALICO_NODE) ?? {};
    const env = objectsAt(container, "env", "containers.env");
    const datastore = env.find(({ name }) => name === "DATASTORE_TYPE")?.["value"];
    return {
      how,
      namespace,
      version: versionOf(container["image"]),
      datastore: typeof datastore === "string" ? datastore : "etcdv3",
      pointed: pointedAt(pod) ?? "none",
      tls: usesTls(pod),
      nodes: nodesOf(daemonSet),
      daemonSet,
    };
  }
  return null;
}

export const daemonSetPath = (namespace: string, name: string): string =>
  `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`;

export interface Relays {
  readonly nodes: Nodes;
  /** Has certificates for Felix. */
  readonly tls: boolean;
  /** Secrets and ConfigMaps that its pods mount and that are not there, as `Secret node-certs`. */
  readonly absent: readonly string[];
}

const MOUNTED = [
  ["secret", "secretName", "Secret", "secrets"],
  ["configMap", "name", "ConfigMap", "configmaps"],
] as const;

/** @returns `null`: not installed. @throws KubeProblem, FieldProblem */
export async function readRelays(api: KubeApi): Promise<Relays | null> {
  const { namespace, name } = RELAY_SERVICE;
  const daemonSet = await api.get(daemonSetPath(namespace, name));
  if (daemonSet === null) return null;
  const settings = await api.get(`/api/v1/namespaces/${namespace}/configmaps/${name}`);
  const [container = {}] = objectsAt(podSpecOf(daemonSet), "containers", "containers");
  const env = objectsAt(container, "env", "containers.env").map((one) => String(one["name"]));
  const data = settings === null ? {} : objectAt(settings, "data", "data");
  const absent: string[] = [];
  for (const volume of objectsAt(podSpecOf(daemonSet), "volumes", "volumes"))
    for (const [field, key, kind, plural] of MOUNTED) {
      const source = volume[field];
      const object = isJsonObject(source) ? source[key] : undefined;
      if (typeof object !== "string") continue;
      const there = await api.get(`/api/v1/namespaces/${namespace}/${plural}/${object}`);
      if (there === null) absent.push(`${kind} ${object}`);
    }
  const tls = [...env, ...Object.keys(data)].includes("CATWALK_LISTEN_CERT_FILE");
  return { nodes: nodesOf(daemonSet), tls, absent };
}

/** @returns The newest version in which the server serves mutating policies. @throws KubeProblem */
export async function servedPolicies(api: KubeApi): Promise<PolicyVersion | null> {
  for (const version of POLICY_VERSIONS) {
    const served = await api.get(`/apis/${GROUP}/${version}`);
    const resources = served === null ? [] : objectsAt(served, "resources", "resources");
    if (resources.some(({ name }) => name === "mutatingadmissionpolicies")) return version;
  }
  return null;
}

function nodesOf(daemonSet: JsonObject): Nodes {
  const status = isJsonObject(daemonSet["status"]) ? daemonSet["status"] : {};
  const count = (name: string): number => Number(status[name] ?? 0) || 0;
  return { wanted: count("desiredNumberScheduled"), ready: count("numberReady") };
}

/** `docker.io/calico/node:v3.30.2` → `3.30.2`; a digest says nothing. */
function versionOf(image: unknown): string | null {
  return /:v?(\d+\.\d+\.\d+)/.exec(String(image))?.[1] ?? null;
}
