/**
 * Node → Node: addresses, tunnel addresses, keys, all from annotations and status. Every annotation
 * is on its own: a bad one is reported and lost alone. Source: calico v3.32.1
 * libcalico-go/lib/backend/k8s/resources/node.go.
 *
 * One difference on purpose: Calico lets a tunnel address with a mask pass into the Node value and
 * refuses it for the host's configuration, where Felix reads it; here it is refused for both. And
 * addresses are canonical, where Calico passes the text on.
 */
import { canonicalIp, formatIp, parseIp } from "../../../shared/ip/address.ts";
import { parseCidr } from "../../../shared/ip/cidr.ts";
import type { Node } from "../../../shared/record/record.ts";
import type { Report } from "./conversion.ts";
import { objectsAt, textAt } from "../../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../../kube/kube-object.ts";

const PREFIX = "projectcalico.org/";

type Form = keyof typeof FORMS;

/** How a field of a node is written, and the rule for who writes it otherwise. */
const FORMS = {
  ipv4: { parse: (text: string) => parseInFamily(text, 4), rule: "must be an IPv4 address" },
  ipv6: { parse: (text: string) => parseInFamily(text, 6), rule: "must be an IPv6 address" },
  subnet4: {
    parse: (text: string) => parseWithSubnet(text, 4),
    rule: "must be an IPv4 address, with or without its subnet's length",
  },
  subnet6: {
    parse: (text: string) => parseWithSubnet(text, 6),
    rule: "must be an IPv6 address, with or without its subnet's length",
  },
  mac: { parse: parseMac, rule: "must be a MAC address of 6 bytes" },
  key: { parse: parsePublicKey, rule: "must be the base64 text of 32 bytes" },
} as const;

/** In canonical form; what is empty or wrong is empty, the latter reported at `path`. */
export function readNodeField(text: string, form: Form, path: string, report: Report): string {
  if (text === "") return "";
  const { parse, rule } = FORMS[form];
  const value = parse(text);
  if (value === null) report(path, `${JSON.stringify(text)} ${rule}`);
  return value ?? "";
}

/** [SRC16] */
export function convertNode({ metadata, status }: KubeObject, report: Report): Node {
  const read = (name: string, form: Form): string =>
    readNodeField(
      metadata.annotations[PREFIX + name] ?? "",
      form,
      `annotation ${PREFIX}${name}`,
      report,
    );
  const addresses = objectsAt(status, "addresses", "status.addresses");
  return {
    kind: "Node",
    name: metadata.name,
    ipv4Address: read("IPv4Address", "subnet4"),
    ipv6Address: read("IPv6Address", "subnet6"),
    internalIPs: readInternalIps(addresses, "status", report),
    ipv4VXLANTunnelAddr: read("IPv4VXLANTunnelAddr", "ipv4"),
    ipv6VXLANTunnelAddr: read("IPv6VXLANTunnelAddr", "ipv6"),
    vxlanTunnelMACAddr: read("VXLANTunnelMACAddr", "mac"),
    vxlanTunnelMACAddrV6: read("VXLANTunnelMACAddrV6", "mac"),
    ipv4IPIPTunnelAddr: read("IPv4IPIPTunnelAddr", "ipv4"),
    ipv4WireguardAddr: read("IPv4WireguardInterfaceAddr", "ipv4"),
    ipv6WireguardAddr: read("IPv6WireguardInterfaceAddr", "ipv6"),
    wireguardPublicKey: read("WireguardPublicKey", "key"),
    wireguardPublicKeyV6: read("WireguardPublicKeyV6", "key"),
  };
}

/** @param parent Path of the object that has the `addresses`. */
export function readInternalIps(
  addresses: readonly JsonObject[],
  parent: string,
  report: Report,
): readonly string[] {
  const ips: string[] = [];
  for (const [i, entry] of addresses.entries()) {
    const path = `${parent}.addresses[${i}]`;
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
