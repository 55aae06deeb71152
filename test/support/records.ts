/** Records for tests: valid ones, with what matters spelled out. */
import { encodeChecked, encodeRecord } from "../../shared/record/encoding.ts";
import type { EncodedChange } from "../../shared/record/encoding.ts";
import type { CalicoRecord, IPPool, Node, WorkloadEndpoint } from "../../shared/record/record.ts";

export function pod(
  name: string,
  ip: string,
  labels: Readonly<Record<string, string>> = {},
): WorkloadEndpoint {
  return {
    kind: "WorkloadEndpoint",
    node: "node-1",
    orchestrator: "k8s",
    namespace: "shop",
    name,
    endpoint: "eth0",
    ips: [ip],
    labels: {
      ...labels,
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
    },
    profiles: ["kns.shop"],
    ports: [],
  };
}

export function pool(cidr: string): IPPool {
  return {
    kind: "IPPool",
    cidr,
    ipipMode: "",
    vxlanMode: "always",
    natOutgoing: true,
    disabled: false,
    allowedUses: [],
  };
}

/** A node without addresses but those given. */
export function node(name: string, given: Partial<Node> = {}): Node {
  return {
    kind: "Node",
    name,
    ipv4Address: "",
    ipv6Address: "",
    internalIPs: [],
    ipv4VXLANTunnelAddr: "",
    ipv6VXLANTunnelAddr: "",
    vxlanTunnelMACAddr: "",
    vxlanTunnelMACAddrV6: "",
    ipv4IPIPTunnelAddr: "",
    ipv4WireguardAddr: "",
    ipv6WireguardAddr: "",
    wireguardPublicKey: "",
    wireguardPublicKeyV6: "",
    ...given,
  };
}

export function put(record: CalicoRecord): { readonly op: "put"; readonly bytes: Uint8Array } {
  return { op: "put", bytes: encodeRecord(record) };
}

/** What a source tells of a record. */
export function putOf(record: CalicoRecord): EncodedChange {
  const result = encodeChecked(record);
  if (result.kind === "problem") throw new Error(`${result.problem.field}: ${result.problem.rule}`);
  return result.encoded;
}

/** `10.20.x.y` for the n-th pod. */
export function address(n: number): string {
  return `10.20.${Math.floor(n / 250) % 250}.${(n % 250) + 1}`;
}
