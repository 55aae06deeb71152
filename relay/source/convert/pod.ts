/**
 * Pod → WorkloadEndpoint, equal to Calico's own conversion in every published field. Source: calico
 * v3.32.1 libcalico-go/lib/backend/k8s/conversion/workload_endpoint_default.go and
 * lib/backend/syncersv1/updateprocessors/workloadendpointprocessor.go, and what they were seen to
 * do (test/fixtures/golden/kubernetes).
 */
import { formatIp } from "../../../shared/ip/address.ts";
import { parseCidr } from "../../../shared/ip/cidr.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";
import type { EndpointPort, Labels, WorkloadEndpoint } from "../../../shared/record/record.ts";
import type { Report } from "./conversion.ts";
import { accountLabel, endpointLabels } from "./endpoint-labels.ts";
import { FieldProblem, flagAt, objectsAt, textAt } from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";
import { readPort } from "./ports.ts";

const POD_IP = "cni.projectcalico.org/podIP";
const POD_IPS = "cni.projectcalico.org/podIPs";
const AWS_POD_IPS = "vpc.amazonaws.com/pod-ips";
const FLOATING_IPS = "cni.projectcalico.org/floatingIPs";
const SOURCE_PREFIXES = "cni.projectcalico.org/allowedSourcePrefixes";

/** [SRC10..SRC14] */
export function convertPod(pod: KubeObject, report: Report): WorkloadEndpoint | null {
  const { metadata, spec } = pod;
  const node = textAt(spec, "nodeName", "spec.nodeName");
  if (node === "" || flagAt(spec, "hostNetwork", "spec.hostNetwork") || isFinished(pod))
    return null;
  const ips = readIps(pod);
  if (ips.length === 0) return null;
  checkLostAnnotations(metadata.annotations);
  const account = textAt(spec, "serviceAccountName", "spec.serviceAccountName");
  return {
    kind: "WorkloadEndpoint",
    node,
    orchestrator: "k8s",
    namespace: metadata.namespace,
    name: metadata.name,
    endpoint: "eth0",
    ips,
    labels: readLabels(metadata.labels, metadata.namespace, account),
    profiles:
      account === ""
        ? [`kns.${metadata.namespace}`]
        : [`kns.${metadata.namespace}`, `ksa.${metadata.namespace}.${account}`],
    ports: readPorts(pod, report),
  };
}

/** A finished pod has given its addresses back, though its status still shows them. */
function isFinished({ metadata, status }: KubeObject): boolean {
  const phase = textAt(status, "phase", "status.phase");
  if (phase === "Succeeded" || phase === "Failed" || phase === "Completed") return true;
  // The CNI plugin empties its annotation when it takes the interface away; a terminating pod
  // without that still has it.
  const isReleased =
    metadata.annotations[POD_IP] === "" || metadata.annotations[AWS_POD_IPS] === "";
  return metadata.isBeingDeleted && isReleased;
}

/** The first place that has any: status first, because an annotation never overrides it. */
function readIps({ metadata, status }: KubeObject): readonly string[] {
  const fromStatus = objectsAt(status, "podIPs", "status.podIPs")
    .map((entry, i) => textAt(entry, "ip", `status.podIPs[${i}].ip`))
    .filter((ip) => ip !== "");
  if (fromStatus.length > 0) return readAddresses(fromStatus, "status.podIPs");
  const one = textAt(status, "podIP", "status.podIP");
  if (one !== "") return readAddresses([one], "status.podIP");
  for (const name of [POD_IPS, POD_IP, AWS_POD_IPS]) {
    const text = metadata.annotations[name] ?? "";
    if (text !== "") return readAddresses(text.split(","), `annotation ${name}`);
  }
  return [];
}

/**
 * An address with a mask is that network's address: Calico publishes `10.64.0.0/26` for
 * `10.64.0.13/26`, and Felix forgets the mask of an endpoint's net, so the member is `10.64.0.0/32`
 * either way.
 */
function readAddresses(texts: readonly string[], field: string): readonly string[] {
  const v4: string[] = [];
  const v6: string[] = [];
  for (const text of texts) {
    const net = parseCidr(text);
    if (net === null)
      throw new FieldProblem(
        field,
        `${JSON.stringify(text)} is not an IP address; Calico drops the whole endpoint, and so does this relay`,
      );
    (net.address.length === 4 ? v4 : v6).push(formatIp(net.address));
  }
  return [...v4, ...v6];
}

/** Two annotations that are not published, but a bad one costs the endpoint in Calico. */
function checkLostAnnotations(annotations: Labels): void {
  const floating = annotations[FLOATING_IPS];
  if (floating !== undefined && readTextList(floating) === null)
    throw new FieldProblem(
      `annotation ${FLOATING_IPS}`,
      "must be a JSON list of addresses; Calico drops the whole endpoint, and so does this relay",
    );
  const prefixes = annotations[SOURCE_PREFIXES];
  if (prefixes === undefined || prefixes === "") return;
  const isListOfCidrs = readTextList(prefixes)?.every(
    (entry) => entry.includes("/") && parseCidr(entry) !== null,
  );
  if (isListOfCidrs !== true)
    throw new FieldProblem(
      `annotation ${SOURCE_PREFIXES}`,
      "must be a JSON list of CIDRs; Calico drops the whole endpoint, and so does this relay",
    );
}

/** `null` for what is no JSON list of texts. */
function readTextList(json: string): readonly string[] | null {
  const parsed = parseJson(json);
  const value = parsed.ok ? (parsed.value ?? []) : null;
  return Array.isArray(value) && value.every((entry) => typeof entry === "string") ? value : null;
}

function readLabels(labels: Labels, namespace: string, account: string): Labels {
  return endpointLabels(labels, {
    "projectcalico.org/namespace": namespace,
    "projectcalico.org/orchestrator": "k8s",
    ...accountLabel(account),
  });
}

function readPorts({ spec }: KubeObject, report: Report): readonly EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const list of ["containers", "initContainers"]) {
    for (const [c, container] of objectsAt(spec, list, `spec.${list}`).entries()) {
      const path = `spec.${list}[${c}].ports`;
      for (const [p, entry] of objectsAt(container, "ports", path).entries()) {
        const port = readPort(entry, "containerPort", `${path}[${p}]`, report);
        if (port !== null) ports.push(port);
      }
    }
  }
  return ports;
}
