/** What a cluster lacks for relays, from what was read of it. [CLI81] */
import type { CalicoNode, Relays } from "./calico.ts";
import type { Problem } from "./felix.ts";
import type { PolicyVersion } from "./felix-policy.ts";

export interface Finding {
  readonly what: string;
  /** `missing`: it will not work; `warning`: it works, with something to know. */
  readonly state: "ok" | "missing" | "warning";
  /** What is there, or what is not. */
  readonly words: string;
  /** What to do; `null` where it is `ok`. */
  readonly todo: string | null;
}

function ok(what: string, words: string): Finding {
  return { what, state: "ok", words, todo: null };
}

function missing(what: string, words: string, todo: string): Finding {
  return { what, state: "missing", words, todo };
}

function warning(what: string, words: string, todo: string): Finding {
  return { what, state: "warning", words, todo };
}

/** What was read. */
export interface ClusterFacts {
  /** `v1.36.3`. */
  readonly server: string;
  readonly calico: CalicoNode | null;
  /** Of the groups that have Calico's objects, those that are served. */
  readonly calicoGroups: readonly string[];
  /** Ready endpoints of Calico's own Typha service; `null`: there is no such service. */
  readonly typhas: number | null;
  readonly relays: Relays | null;
  /** Namespaces with relays of ours that are not `catwalk`. */
  readonly otherInstalls: readonly string[];
  readonly hasAccount: boolean;
  /** Rights that the one who asks lacks, as `create clusterroles`. */
  readonly forbidden: readonly string[];
  /** The same of the relays' account, as `list endpointslices`; empty where there are no relays. */
  readonly relayForbidden: readonly string[];
  /** Pods on the host's network with a port of ours, as `kube-system/x: 5474`. */
  readonly portsTaken: readonly string[];
  readonly validatingPolicies: boolean;
  readonly mutatingPolicies: PolicyVersion | null;
  /** See `policyProblem` and `rolloutProblem`. */
  readonly felixProblem: Problem | null;
}

/** https://github.com/projectcalico/calico: what the splice has been shown with. */
const OLDEST_CALICO = [3, 30] as const;

const ABSENT_HINT =
  "the identity: catwalk cluster identity NAME | kubectl create -f -; others: docs/install.md";
const SEE_PODS = "kubectl -n catwalk describe pods, and kubectl -n catwalk logs";

export function findingsOf(facts: ClusterFacts): readonly Finding[] {
  return [
    ok("API server", facts.server),
    ...calicoFindings(facts),
    ...typhaFindings(facts),
    ...rightFindings(facts),
    ...policyFindings(facts),
    ...installFindings(facts),
  ];
}

function* calicoFindings({ calico, calicoGroups }: ClusterFacts): Iterable<Finding> {
  if (calico === null) {
    const words = "no DaemonSet calico-node in calico-system or kube-system";
    yield missing("Calico", words, "install Calico");
    return;
  }
  const [major = 0, minor = 0] = (calico.version ?? "").split(".").map(Number);
  const isOld =
    major < OLDEST_CALICO[0] || (major === OLDEST_CALICO[0] && minor < OLDEST_CALICO[1]);
  const how = calico.how === "operator" ? "by its operator" : "by manifests";
  const newer = `${OLDEST_CALICO.join(".")} or newer`;
  if (calico.version === null)
    yield warning(
      "Calico",
      `${how}; its image does not say which version`,
      `see that it is ${newer}`,
    );
  else if (isOld) yield missing("Calico", `${calico.version} is too old`, newer);
  else yield ok("Calico", `${calico.version}, installed ${how}`);
  if (calico.datastore !== "kubernetes") {
    const words = `${calico.datastore}, and these manifests need DATASTORE_TYPE kubernetes`;
    yield missing(
      "datastore",
      words,
      "run relays on the machines themselves: catwalk relay --help",
    );
  }
  yield calicoGroups.length > 0
    ? ok("API group", calicoGroups.join(", "))
    : missing("API group", "no CRDs of crd.projectcalico.org", "apply Calico's CRDs");
}

function* typhaFindings({ calico, typhas, relays }: ClusterFacts): Iterable<Finding> {
  if (calico === null) return;
  const service = `${calico.namespace}/calico-typha`;
  if (typhas === null) yield missing("Typha", `no Service ${service}`, "deploy Typha");
  else if (typhas === 0) {
    const todo = `kubectl -n ${calico.namespace} get pods -l k8s-app=calico-typha`;
    yield missing("Typha", `${service} has no ready endpoints`, todo);
  } else yield ok("Typha", `${service}, ${typhas} ready`);
  if (!calico.tls) return;
  const [words, todo] = [
    "Felix asks Typha for a certificate",
    "give the relay key pairs (docs/install.md)",
  ];
  if (relays?.tls === true) yield ok("TLS", "Felix has certificates, and so has the relay");
  else yield relays === null ? warning("TLS", words, todo) : missing("TLS", words, todo);
}

function* rightFindings({ forbidden, portsTaken }: ClusterFacts): Iterable<Finding> {
  yield forbidden.length === 0
    ? ok("your rights", "all that the install needs")
    : missing("your rights", `you may not ${forbidden.join(", ")}`, "ask the cluster's owner");
  yield portsTaken.length === 0
    ? ok("ports", "5474, 5475 and 9474 are free, as far as pods say")
    : missing("ports", `taken on nodes by ${portsTaken.join(", ")}`, "move these pods away");
}

function* policyFindings(facts: ClusterFacts): Iterable<Finding> {
  if (!facts.validatingPolicies) {
    const words = "no ValidatingAdmissionPolicy, so local labels are only told of";
    yield warning("label policy", words, "Kubernetes 1.30 or newer has it");
  }
  if (facts.calico?.how === "operator") {
    const words = "the operator sets them, and MutatingAdmissionPolicy is not served";
    yield facts.mutatingPolicies === null
      ? missing("Felix's variables", words, "docs/install.md has the other ways")
      : ok("Felix's variables", `MutatingAdmissionPolicy ${facts.mutatingPolicies} is served`);
  }
  if (facts.felixProblem === null) return;
  const { words, todo } = facts.felixProblem;
  yield missing("Felix's pods", words, todo);
}

function* installFindings(facts: ClusterFacts): Iterable<Finding> {
  const { relays, otherInstalls, hasAccount, relayForbidden, calico } = facts;
  const apply = "apply the manifests again";
  if (otherInstalls.length > 0) {
    const words = `relays are in ${otherInstalls.join(", ")} too, and both take the same ports`;
    yield missing("second install", words, "delete the DaemonSet of one of them");
  }
  if (relays === null) {
    yield warning("relays", "not installed yet", "catwalk install");
    return;
  }
  if (!hasAccount) yield missing("service account", "catwalk/catwalk-relay is gone", apply);
  if (relayForbidden.length > 0)
    yield missing("relay's rights", `it may not ${relayForbidden.join(", ")}`, apply);
  if (relays.absent.length > 0)
    yield missing("mounted", `not in namespace catwalk: ${relays.absent.join(", ")}`, ABSENT_HINT);
  const { wanted, ready } = relays.nodes;
  yield ready === wanted && wanted > 0
    ? ok("relays", `${ready} ready`)
    : missing("relays", `${ready} of ${wanted} nodes are ready`, SEE_PODS);
  if (calico?.pointed === "half")
    yield missing(
      "Felix",
      "one of its two variables is the relay's",
      "catwalk felix point, or unpoint",
    );
}
