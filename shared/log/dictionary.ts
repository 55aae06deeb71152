/**
 * The preset dictionary of frames and blobs: what a one-pod frame would otherwise spend most of its
 * bytes on. It is part of the protocol: changing a byte of it means a new protocol version, and a
 * test pins its hash. [PRO3] Deflate looks back at most 32 KiB and finds near matches cheapest, so
 * the most usual record stands last.
 */
import { concatBytes } from "../lib/bytes.ts";
import { encodeRecord } from "../record/encoding.ts";
import type { CalicoRecord, WorkloadEndpoint } from "../record/record.ts";

function pod(labels: Record<string, string>, ports: WorkloadEndpoint["ports"]): WorkloadEndpoint {
  return {
    kind: "WorkloadEndpoint",
    node: "ip-10-0-0-1.ec2.internal",
    orchestrator: "k8s",
    namespace: "default",
    name: "web-6d4cf56db6-x7k2p",
    endpoint: "eth0",
    ips: ["10.0.0.1"],
    profiles: ["kns.default", "ksa.default.default"],
    labels: {
      ...labels,
      "projectcalico.org/namespace": "default",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "default",
    },
    ports,
  };
}

const SAMPLES: readonly CalicoRecord[] = [
  {
    kind: "HostEndpoint",
    node: "node-1",
    name: "node-1-auto-hep",
    interfaceName: "*",
    ips: ["10.0.0.1"],
    profiles: ["projectcalico-default-allow"],
    labels: {
      "beta.kubernetes.io/arch": "amd64",
      "kubernetes.io/arch": "amd64",
      "kubernetes.io/hostname": "node-1",
      "kubernetes.io/os": "linux",
      "node-role.kubernetes.io/control-plane": "",
      "node.kubernetes.io/instance-type": "m5.large",
      "projectcalico.org/created-by": "calico-kube-controllers",
      "topology.kubernetes.io/region": "eu-west-1",
      "topology.kubernetes.io/zone": "eu-west-1a",
    },
    ports: [],
  },
  {
    kind: "Profile",
    name: "ksa.kube-system.default",
    labels: { "pcsa.projectcalico.org/name": "default" },
  },
  {
    kind: "Profile",
    name: "kns.kube-system",
    labels: {
      "pcns.kubernetes.io/metadata.name": "kube-system",
      "pcns.pod-security.kubernetes.io/enforce": "baseline",
      "pcns.projectcalico.org/name": "kube-system",
    },
  },
  pod(
    {
      "app.kubernetes.io/component": "server",
      "app.kubernetes.io/instance": "prod",
      "app.kubernetes.io/managed-by": "Helm",
      "app.kubernetes.io/name": "worker",
      "app.kubernetes.io/part-of": "shop",
      "app.kubernetes.io/version": "1.0.0",
      "apps.kubernetes.io/pod-index": "0",
      "controller-revision-hash": "web-0",
      "helm.sh/chart": "app-1.0.0",
      "statefulset.kubernetes.io/pod-name": "db-0",
    },
    [
      { name: "https", protocol: "tcp", port: 443 },
      { name: "dns", protocol: "udp", port: 53 },
      { name: "metrics", protocol: "tcp", port: 9090 },
      { name: "grpc", protocol: "tcp", port: 50051 },
    ],
  ),
  pod(
    {
      app: "web",
      env: "prod",
      "k8s-app": "web",
      "pod-template-hash": "6d4cf56db6",
      role: "api",
      tier: "frontend",
      version: "v1",
    },
    [{ name: "http", protocol: "tcp", port: 8080 }],
  ),
];

export const DICTIONARY: Uint8Array = concatBytes(...SAMPLES.map(encodeRecord));
