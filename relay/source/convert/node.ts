/**
 * Node → Node: addresses, tunnel addresses, keys, all from annotations and status. Every annotation is on its own: a bad one is
 * reported and lost alone. Source: calico v3.32.1 libcalico-go/lib/backend/k8s/resources/node.go.
 *
 * One difference on purpose: Calico lets a tunnel address with a mask pass into the Node value and refuses it for the host's
 * configuration, where Felix reads it; here it is refused for both. And addresses are canonical, where Calico passes the text on.
 */
import { canonicalIp, formatIp, parseIp } from "../../../shared/ip/address.ts";
import { parseCidr } from "../../../shared/ip/cidr.ts";
import type { Node } from "../../../shared/record/record.ts";
import type { Report } from "./conversion.ts";
import { objectsAt, textAt } from "./kube-object.ts";
import type { KubeObject } from "./kube-object.ts";

const PREFIX = "projectcalico.org/";

/** [SRC16] */
export function convertNode({ metadata, status }: KubeObject, report: Report): Node {
  const read = (name: string, parse: (text: string) => string | null, rule: string): string => {
    const text = metadata.annotations[PREFIX + name] ?? "";
    if (text === "") return "";
    const value = parse(text);
    if (value === null) report(`annotation ${PREFIX}${name}`, `${JSON.stringify(text)} ${rule}`);
    return value ?? "";
  };
  const address = (name: string, family: 4 | 6): string =>
    read(name, (text) => parseInFamily(text, family), `must be an IPv${family} address`);
  const subnet = (name: string, family: 4 | 6): string =>
    read(
      name,
      (text) => parseWithSubnet(text, family),
      `must be an IPv${family} address, with or without its subnet's length`,
    );
  const mac = (name: string): string => read(name, parseMac, "must be a MAC address of 6 bytes");
  const key = (name: string): string =>
    read(name, parsePublicKey, "must be the base64 text of 32 bytes");
  return {
    kind: "Node",
    name: metadata.name,
    ipv4Address: subnet("IPv4Address", 4),
    ipv6Address: subnet("IPv6Address", 6),
    internalIPs: readInternalIps(status, report),
    ipv4VXLANTunnelAddr: address("IPv4VXLANTunnelAddr", 4),
    ipv6VXLANTunnelAddr: address("IPv6VXLANTunnelAddr", 6),
    vxlanTunnelMACAddr: mac("VXLANTunnelMACAddr"),
    vxlanTunnelMACAddrV6: mac("VXLANTunnelMACAddrV6"),
    ipv4IPIPTunnelAddr: address("IPv4IPIPTunnelAddr", 4),
    ipv4WireguardAddr: address("IPv4WireguardInterfaceAddr", 4),
    ipv6WireguardAddr: address("IPv6WireguardInterfaceAddr", 6),
    wireguardPublicKey: key("WireguardPublicKey"),
    wireguardPublicKeyV6: key("WireguardPublicKeyV6"),
  };
}

function readInternalIps(status: KubeObject["status"], report: Report): readonly string[] {
  const ips: string[] = [];
  for (const [i, entry] of objectsAt(status, "addresses", "status.addresses").entries()) {
    const path = `status.addresses[${i}]`;
    if (textAt(entry, "type", `${path}.type`) !== "InternalIP") continue;
    const text = textAt(entry, "address", `${path}.address`);
    const ip = canonicalIp(text);
    if (ip === null) report(`${path}.address`, `${JSON.stringify(text)} is not an IP address`);
    else ips.push(ip);
  }
  return ips;
}

function parseInFamily(text: string, family: 4 | 6): string | null {
  const bytes = parseIp(text);
  return bytes !== null && bytes.length === (family === 4 ? 4 : 16) ? formatIp(bytes) : null;
}

/** Host bits stay: `172.18.0.5/16` is a node's address and its subnet in one. */
function parseWithSubnet(text: string, family: 4 | 6): string | null {
  const slash = text.indexOf("/");
  if (slash < 0) return parseInFamily(text, family);
  const ip = parseInFamily(text.slice(0, slash), family);
  const net = parseCidr(text);
  return ip === null || net === null ? null : `${ip}/${net.length}`;
}

/** Go's net.ParseMAC spellings of 6 bytes: colons, hyphens, or dotted quads. */
function parseMac(text: string): string | null {
  const isMac =
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ||
    /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i.test(text) ||
    /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i.test(text);
  if (!isMac) return null;
  const digits = text.replaceAll(/[:.-]/g, "").toLowerCase();
  return (digits.match(/../g) ?? []).join(":");
}

function parsePublicKey(text: string): string | null {
  return /^[A-Za-z0-9+/]{43}=$/.test(text) ? text : null;
}
