/** What a cluster lacks for relays, from what was read of it. [CLI81] */
import type { CalicoNode, Relays } from "./calico.ts";
import type { PolicyVersion } from "./felix-policy.ts";

export interface Finding {
  readonly what: string;
  /** `missing`: it will not work; `warning`: it works, with something to know. */
  readonly state: "ok" | "missing" | "warning";
  /** What is there, or what to do. */
  readonly words: string;
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
  /** See `policyProblem`. */
  readonly policyProblem: string | null;
}

/** https://github.com/projectcalico/calico: what the splice has been shown with. */
const OLDEST_CALICO = [3, 30] as const;

const ABSENT_HINT =
  "the identity: catwalk cluster identity NAME | kubectl create -f -; others: docs/install.md";

export function findingsOf(facts: ClusterFacts): readonly Finding[] {
  return [
    { what: "API server", state: "ok", words: facts.server },
    ...calicoFindings(facts),
    ...typhaFindings(facts),
    ...rightFindings(facts),
    ...policyFindings(facts),
    ...installFindings(facts),
  ];
}

function* calicoFindings({ calico, calicoGroups }: ClusterFacts): Iterable<Finding> {
  if (calico === null) {
    const words = "no DaemonSet calico-node in calico-system or kube-system: install Calico";
    yield { what: "Calico", state: "missing", words };
    return;
  }
  const [major = 0, minor = 0] = (calico.version ?? "").split(".").map(Number);
  const isOld =
    major < OLDEST_CALICO[0] || (major === OLDEST_CALICO[0] && minor < OLDEST_CALICO[1]);
  const how = calico.how === "operator" ? "by its operator" : "by manifests";
  if (calico.version === null)
    yield {
      what: "Calico",
      state: "warning",
      words: `${how}; its image does not say which version`,
    };
  else if (isOld)
    yield {
      what: "Calico",
      state: "missing",
      words: `${calico.version} is too old: 3.30 or newer`,
    };
  else yield { what: "Calico", state: "ok", words: `${calico.version}, installed ${how}` };
  if (calico.datastore !== "kubernetes")
    yield {
      what: "datastore",
      state: "missing",
      words: `${calico.datastore}: these manifests need DATASTORE_TYPE kubernetes`,
    };
  yield calicoGroups.length > 0
    ? { what: "API group", state: "ok", words: calicoGroups.join(", ") }
    : { what: "API group", state: "missing", words: "no CRDs of crd.projectcalico.org" };
}

function* typhaFindings({ calico, typhas, relays }: ClusterFacts): Iterable<Finding> {
  if (calico === null) return;
  const service = `${calico.namespace}/calico-typha`;
  if (typhas === null)
    yield { what: "Typha", state: "missing", words: `no Service ${service}: deploy Typha` };
  else if (typhas === 0)
    yield { what: "Typha", state: "missing", words: `${service} has no ready endpoints` };
  else yield { what: "Typha", state: "ok", words: `${service}, ${typhas} ready` };
  if (calico.tls)
    yield relays?.tls === true
      ? { what: "TLS", state: "ok", words: "Felix has certificates, and so has the relay" }
      : {
          what: "TLS",
          state: relays === null ? "warning" : "missing",
          words: "Felix asks Typha for a certificate: give the relay key pairs (docs/install.md)",
        };
}

function* rightFindings({ forbidden, portsTaken }: ClusterFacts): Iterable<Finding> {
  yield forbidden.length === 0
    ? { what: "your rights", state: "ok", words: "all that the install needs" }
    : { what: "your rights", state: "missing", words: `you may not ${forbidden.join(", ")}` };
  yield portsTaken.length === 0
    ? { what: "ports", state: "ok", words: "5474, 5475 and 9474 are free, as far as pods say" }
    : { what: "ports", state: "missing", words: `taken on nodes: ${portsTaken.join(", ")}` };
}

function* policyFindings(facts: ClusterFacts): Iterable<Finding> {
  if (!facts.validatingPolicies)
    yield {
      what: "label policy",
      state: "warning",
      words: "no ValidatingAdmissionPolicy (Kubernetes 1.30): local labels are only told of",
    };
  if (facts.calico?.how !== "operator") return;
  yield facts.mutatingPolicies === null
    ? {
        what: "Felix's variables",
        state: "missing",
        words: "the operator sets them, and MutatingAdmissionPolicy is not served: docs/install.md",
      }
    : {
        what: "Felix's variables",
        state: "ok",
        words: `MutatingAdmissionPolicy ${facts.mutatingPolicies} is served`,
      };
  if (facts.policyProblem !== null)
    yield { what: "Felix's policy", state: "missing", words: facts.policyProblem };
}

function* installFindings(facts: ClusterFacts): Iterable<Finding> {
  const { relays, otherInstalls, hasAccount, relayForbidden, calico } = facts;
  if (otherInstalls.length > 0)
    yield {
      what: "second install",
      state: "missing",
      words: `relays are in ${otherInstalls.join(", ")} too: they would take each other's ports`,
    };
  if (relays === null) {
    yield { what: "relays", state: "warning", words: "not installed yet: catwalk install" };
    return;
  }
  if (!hasAccount)
    yield {
      what: "service account",
      state: "missing",
      words: "catwalk/catwalk-relay is gone: apply the manifests again",
    };
  if (relayForbidden.length > 0)
    yield {
      what: "relay's rights",
      state: "missing",
      words: `it may not ${relayForbidden.join(", ")}: apply the manifests again`,
    };
  if (relays.absent.length > 0)
    yield {
      what: "mounted",
      state: "missing",
      words: `not in namespace catwalk: ${relays.absent.join(", ")} (${ABSENT_HINT})`,
    };
  const { wanted, ready } = relays.nodes;
  yield ready === wanted && wanted > 0
    ? { what: "relays", state: "ok", words: `${ready} ready` }
    : { what: "relays", state: "missing", words: `${ready} of ${wanted} nodes are ready` };
  if (calico?.pointed === "half")
    yield {
      what: "Felix",
      state: "missing",
      words: "one of its two variables is the relay's: catwalk felix point, or unpoint",
    };
}
