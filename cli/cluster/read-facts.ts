/** Asks an API server for what `findingsOf` judges. */
import { isJsonObject, objectAt, objectsAt, textAt } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { isReady } from "../../relay/kube/endpoint-slices.ts";
import { NAMESPACES, readCalicoNode, readRelays, servedPolicies } from "./calico.ts";
import type { CalicoNode } from "./calico.ts";
import { RELAY_SERVICE } from "./felix-env.ts";
import { felixByNode, hasPolicy, policyProblem, rolloutProblem } from "./felix.ts";
import type { Problem } from "./felix.ts";
import type { ClusterFacts } from "./findings.ts";
import type { KubeApi } from "./kube-api.ts";

const CALICO_GROUPS = ["crd.projectcalico.org", "projectcalico.org"];
const PORTS = [5474, 5475, 9474];
/** What the manifests have, as `create` needs it. */
const NEEDED = [
  ["", "namespaces"],
  ["", "serviceaccounts"],
  ["", "configmaps"],
  ["", "secrets"],
  ["", "services"],
  ["apps", "daemonsets"],
  ["rbac.authorization.k8s.io", "clusterroles"],
  ["rbac.authorization.k8s.io", "clusterrolebindings"],
  ["admissionregistration.k8s.io", "validatingadmissionpolicies"],
] as const;

const RELAY_ACCOUNT = `system:serviceaccount:${RELAY_SERVICE.namespace}:${RELAY_SERVICE.name}`;
/** Without the first it finds neither Typha nor the other relays. */
const RELAY_NEEDS = [
  ["discovery.k8s.io", "endpointslices"],
  ["networking.k8s.io", "networkpolicies"],
] as const;

/** @throws KubeProblem, FieldProblem */
export async function readFacts(api: KubeApi): Promise<ClusterFacts> {
  const version = await api.get("/version");
  const calico = await readCalicoNode(api);
  const relays = await readRelays(api);
  const namespace = calico?.namespace ?? NAMESPACES.manifest;
  const own = `/api/v1/namespaces/${RELAY_SERVICE.namespace}`;
  const admission = await api.get("/apis/admissionregistration.k8s.io/v1");
  return {
    server: version === null ? "unknown" : textAt(version, "gitVersion", "gitVersion"),
    calico,
    calicoGroups: await groupsOf(api),
    typhas: await typhasOf(api, namespace),
    relays,
    otherInstalls: await otherInstalls(api),
    hasAccount: (await api.get(`${own}/serviceaccounts/${RELAY_SERVICE.name}`)) !== null,
    forbidden: await forbiddenOf(api, "create", NEEDED),
    relayForbidden:
      relays === null ? [] : await forbiddenOf(api, "list", RELAY_NEEDS, RELAY_ACCOUNT),
    portsTaken: await portsTaken(api),
    validatingPolicies: objectsAt(admission ?? {}, "resources", "resources").some(
      ({ name }) => name === "validatingadmissionpolicies",
    ),
    mutatingPolicies: await servedPolicies(api),
    felixProblem: calico === null ? null : await felixProblem(api, calico),
  };
}

async function felixProblem(api: KubeApi, calico: CalicoNode): Promise<Problem | null> {
  const nodes = await felixByNode(api, calico.namespace);
  return calico.how === "operator"
    ? policyProblem(nodes, await hasPolicy(api))
    : rolloutProblem(nodes, calico);
}

async function groupsOf(api: KubeApi): Promise<readonly string[]> {
  const served = await api.get("/apis");
  const names = objectsAt(served ?? {}, "groups", "groups").map(({ name }) => String(name));
  return CALICO_GROUPS.filter((group) => names.includes(group));
}

async function typhasOf(api: KubeApi, namespace: string): Promise<number | null> {
  const service = await api.get(`/api/v1/namespaces/${namespace}/services/calico-typha`);
  if (service === null) return null;
  const selector = encodeURIComponent("kubernetes.io/service-name=calico-typha");
  const slices =
    (await api.list(
      `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`,
    )) ?? [];
  return slices.flatMap((slice) => objectsAt(slice, "endpoints", "endpoints").filter(isReady))
    .length;
}

async function otherInstalls(api: KubeApi): Promise<readonly string[]> {
  const selector = encodeURIComponent("app.kubernetes.io/name=catwalk-relay");
  const all = (await api.list(`/apis/apps/v1/daemonsets?labelSelector=${selector}`)) ?? [];
  return all.map(namespaceOf).filter((namespace) => namespace !== RELAY_SERVICE.namespace);
}

/** @param user Absent: who asks. */
async function forbiddenOf(
  api: KubeApi,
  verb: string,
  needed: readonly (readonly [group: string, resource: string])[],
  user?: string,
): Promise<readonly string[]> {
  const kind = user === undefined ? "SelfSubjectAccessReview" : "SubjectAccessReview";
  const forbidden: string[] = [];
  for (const [group, resource] of needed) {
    const review = await api.create(`/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`, {
      apiVersion: "authorization.k8s.io/v1",
      kind,
      spec: {
        ...(user === undefined ? {} : { user }),
        resourceAttributes: { verb, group, resource },
      },
    });
    if (objectAt(review, "status", "status")["allowed"] !== true)
      forbidden.push(`${verb} ${resource}`);
  }
  return forbidden;
}

async function portsTaken(api: KubeApi): Promise<readonly string[]> {
  const pods = (await api.list("/api/v1/pods?fieldSelector=spec.hostNetwork%3Dtrue")) ?? [];
  const taken = new Set<string>();
  for (const pod of pods) {
    if (namespaceOf(pod) === RELAY_SERVICE.namespace) continue;
    const containers = objectsAt(objectAt(pod, "spec", "spec"), "containers", "containers");
    for (const { containerPort } of containers.flatMap((one) => objectsAt(one, "ports", "ports")))
      if (PORTS.includes(Number(containerPort)))
        taken.add(`${nameOf(pod)}: ${String(containerPort)}`);
  }
  return [...taken].toSorted();
}

function namespaceOf(object: JsonObject): string {
  return textAt(objectAt(object, "metadata", "metadata"), "namespace", "metadata.namespace");
}

function nameOf(object: JsonObject): string {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  return `${namespaceOf(object)}/${String(metadata["name"])}`;
}
