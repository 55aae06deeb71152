/** Felix pointed at the relays, and back: who does it, in which way. [CLI85] [CLI86] */
import { objectAt, textAt } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { daemonSetPath, NAMESPACES, readCalicoNode, readRelays, servedPolicies } from "./calico.ts";
import type { CalicoNode, Relays } from "./calico.ts";
import { CALICO_NODE, isPutBack, pointed, pointedAt, unpointed } from "./felix-env.ts";
import type { Pointed } from "./felix-env.ts";
import { felixPolicy, GROUP, POLICY_NAME, POLICY_VERSIONS } from "./felix-policy.ts";
import type { KubeApi } from "./kube-api.ts";
import { pathOf } from "./object-path.ts";

/** What was done, and what is left to do, in words. */
export interface Done {
  readonly said: string;
  /** A command for the operator; `null`: nothing is left. */
  readonly next: string | null;
}

/** Why Felix must not be pointed at the relays now; `null`: it may. */
export function obstacle(calico: CalicoNode, relays: Relays | null): string | null {
  if (relays === null) return "there is no DaemonSet catwalk/catwalk-relay: catwalk install first";
  const { ready, wanted } = relays.nodes;
  if (ready < wanted || ready === 0)
    return `${ready} of ${wanted} relays are ready: a Felix without its relay learns nothing new`;
  if (calico.tls && !relays.tls)
    return "Felix asks Typha for a certificate, and the relays have none: docs/install.md";
  if (calico.pointed === "address")
    return "calico-node has FELIX_TYPHAADDR, which wins over a service: take it out first";
  return null;
}

/** @returns What was done, or why it was not. @throws KubeProblem, FieldProblem */
export async function pointFelix(api: KubeApi, isForced: boolean): Promise<Done | string> {
  const calico = await readCalicoNode(api);
  if (calico === null) return NO_CALICO;
  const why = obstacle(calico, await readRelays(api));
  if (why !== null && !isForced) return `${why} (--force does it all the same)`;
  if (calico.how === "operator") return pointByPolicy(api, calico);
  const changed = pointed(calico.daemonSet);
  if (changed === null)
    return { said: "calico-node's Felix looks for the relays already", next: null };
  await api.replace(daemonSetPath(calico.namespace, CALICO_NODE), changed);
  return {
    said: "calico-node's Felix looks for the relays; Kubernetes replaces its pods one by one",
    next: rollout(calico, "status"),
  };
}

async function pointByPolicy(api: KubeApi, calico: CalicoNode): Promise<Done | string> {
  const version = await servedPolicies(api);
  if (version === null)
    return "the operator sets Felix's variables, and the API server serves no MutatingAdmissionPolicy: docs/install.md has the other ways";
  for (const object of felixPolicy(version, calico.namespace)) await put(api, object);
  return {
    said: `each pod of calico-node that is made from now on looks for the relays (MutatingAdmissionPolicy ${POLICY_NAME})`,
    next: rollout(calico, "restart"),
  };
}

/** @returns What was done, or why it was not. @throws KubeProblem, FieldProblem */
export async function unpointFelix(api: KubeApi): Promise<Done | string> {
  const calico = await readCalicoNode(api);
  if (calico === null) return NO_CALICO;
  const wasThere = await removePolicies(api);
  const changed = unpointed(calico.daemonSet);
  if (changed !== null) {
    await api.replace(daemonSetPath(calico.namespace, CALICO_NODE), changed);
    return {
      said: "calico-node's Felix looks for Typha; Kubernetes replaces its pods one by one",
      next: rollout(calico, "status"),
    };
  }
  if (!wasThere) return { said: "nothing of ours points Felix at the relays", next: null };
  return {
    said: "each pod of calico-node that is made from now on looks for Typha",
    next: rollout(calico, "restart"),
  };
}

/** @returns Whether there were any. @throws KubeProblem */
export async function removePolicies(api: KubeApi): Promise<boolean> {
  for (const version of POLICY_VERSIONS) {
    const base = `/apis/${GROUP}/${version}/mutatingadmissionpolic`;
    const binding = await api.remove(`${base}ybindings/${POLICY_NAME}`);
    const policy = await api.remove(`${base}ies/${POLICY_NAME}`);
    if (binding || policy) return true;
  }
  return false;
}

/** Whether policy and binding are both there. @throws KubeProblem */
export async function hasPolicy(api: KubeApi): Promise<boolean> {
  const version = await servedPolicies(api);
  const base = `/apis/${GROUP}/${version}/mutatingadmissionpolic`;
  for (const plural of ["ies", "ybindings"])
    if (version === null || (await api.get(`${base}${plural}/${POLICY_NAME}`)) === null)
      return false;
  return true;
}

/** What is wrong, and what to do. */
export interface Problem {
  readonly words: string;
  readonly todo: string;
}

type Pods = readonly Pick<NodeFelix, "pointed">[];

/**
 * What the pods of an operator's `calico-node` and the policy say together; `null`: they agree.
 * [CLI88]
 */
export function policyProblem(nodes: Pods, isThere: boolean): Problem | null {
  const through = throughRelays(nodes);
  if (!isThere && through > 0)
    return {
      words: `${through} of ${nodes.length} pods look for the relays, and the policy ${POLICY_NAME} or its binding is gone, so those made from now on go to Typha`,
      todo: "catwalk felix point, or unpoint",
    };
  if (isThere && through < nodes.length)
    return {
      words: `${nodes.length - through} of ${nodes.length} pods were made without the policy ${POLICY_NAME}`,
      todo: `kubectl -n ${NAMESPACES.operator} rollout restart daemonset/${CALICO_NODE}`,
    };
  return null;
}

/**
 * Of Calico by manifests: its variables were put back, or some pods are as they were before `point`
 * or `unpoint`. [CLI100]
 */
export function rolloutProblem(nodes: Pods, calico: CalicoNode): Problem | null {
  if (isPutBack(calico.daemonSet))
    return {
      words: `${CALICO_NODE} was pointed at the relays, and its variables are Typha's again, as an apply of Calico's manifests leaves them`,
      todo: "catwalk felix point, or unpoint",
    };
  const through = throughRelays(nodes);
  const wanted = calico.pointed === "relay" ? nodes.length : 0;
  if (through === wanted) return null;
  return {
    words: `half pointed: ${through} of ${nodes.length} pods look for the relays, and by the DaemonSet ${wanted} are to`,
    todo: rollout(calico, "restart"),
  };
}

function throughRelays(nodes: Pods): number {
  return nodes.filter(({ pointed: at }) => at === "relay").length;
}

export interface NodeFelix {
  readonly node: string;
  readonly pod: string;
  readonly pointed: Pointed;
}

/** Each node's Felix, as its pod was made. @throws KubeProblem, FieldProblem */
export async function felixByNode(api: KubeApi, namespace: string): Promise<readonly NodeFelix[]> {
  const selector = encodeURIComponent(`k8s-app=${CALICO_NODE}`);
  const pods = await api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`);
  return (pods ?? [])
    .map((pod) => {
      const spec = objectAt(pod, "spec", "spec");
      return {
        node: textAt(spec, "nodeName", "spec.nodeName") || "(no node yet)",
        pod: String(objectAt(pod, "metadata", "metadata")["name"]),
        pointed: pointedAt(spec) ?? "none",
      };
    })
    .toSorted((a, b) => (a.node < b.node ? -1 : 1));
}

const NO_CALICO = "there is no DaemonSet calico-node in calico-system or kube-system";

function rollout({ namespace }: CalicoNode, what: "status" | "restart"): string {
  return `kubectl -n ${namespace} rollout ${what} daemonset/${CALICO_NODE}`;
}

/** Made, or put in place of what is there. */
export async function put(api: KubeApi, object: JsonObject): Promise<void> {
  const { path, collection } = pathOf(object);
  const present = await api.get(path);
  if (present === null) await api.create(collection, object);
  else
    await api.replace(path, {
      ...object,
      metadata: {
        ...objectAt(object, "metadata", "metadata"),
        resourceVersion: objectAt(present, "metadata", "metadata")["resourceVersion"],
      },
    });
}
