/** Calico's own Node resource, as Typha and etcd have it → Node. */
import type { Node } from "../../../shared/record/record.ts";
import { objectAt, objectsAt, textAt } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import type { Report } from "./conversion.ts";
import { readInternalIps, readNodeField } from "./node.ts";

export function readNodeResource(name: string, value: JsonObject, report: Report): Node {
  const spec = objectAt(value, "spec", "spec");
  const status = objectAt(value, "status", "status");
  const bgp = objectAt(spec, "bgp", "spec.bgp");
  const wireguard = objectAt(spec, "wireguard", "spec.wireguard");
  const read = (
    parent: JsonObject,
    field: string,
    path: string,
    form: Parameters<typeof readNodeField>[1],
  ): string => readNodeField(textAt(parent, field, path), form, path, report);
  return {
    kind: "Node",
    name,
    ipv4Address: read(bgp, "ipv4Address", "spec.bgp.ipv4Address", "subnet4"),
    ipv6Address: read(bgp, "ipv6Address", "spec.bgp.ipv6Address", "subnet6"),
    internalIPs: readInternalIps(objectsAt(spec, "addresses", "spec.addresses"), "spec", report),
    ipv4VXLANTunnelAddr: read(spec, "ipv4VXLANTunnelAddr", "spec.ipv4VXLANTunnelAddr", "ipv4"),
    ipv6VXLANTunnelAddr: read(spec, "ipv6VXLANTunnelAddr", "spec.ipv6VXLANTunnelAddr", "ipv6"),
    vxlanTunnelMACAddr: read(spec, "vxlanTunnelMACAddr", "spec.vxlanTunnelMACAddr", "mac"),
    vxlanTunnelMACAddrV6: read(spec, "vxlanTunnelMACAddrV6", "spec.vxlanTunnelMACAddrV6", "mac"),
    ipv4IPIPTunnelAddr: read(bgp, "ipv4IPIPTunnelAddr", "spec.bgp.ipv4IPIPTunnelAddr", "ipv4"),
    ipv4WireguardAddr: read(
      wireguard,
      "interfaceIPv4Address",
      "spec.wireguard.interfaceIPv4Address",
      "ipv4",
    ),
    ipv6WireguardAddr: read(
      wireguard,
      "interfaceIPv6Address",
      "spec.wireguard.interfaceIPv6Address",
      "ipv6",
    ),
    wireguardPublicKey: read(status, "wireguardPublicKey", "status.wireguardPublicKey", "key"),
    wireguardPublicKeyV6: read(
      status,
      "wireguardPublicKeyV6",
      "status.wireguardPublicKeyV6",
      "key",
    ),
  };
}
