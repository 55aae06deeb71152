/**
 * The recorded key/values of Calico's felix syncer, reduced to what is published. Written against
 * Calico's format only, and without any code of the relay, so that it can judge it. What is left
 * out or changed, and why:
 *
 * - kinds that are not published: policies, network sets, the legacy profile keys, `Ready`, other
 *   settings, the default-allow profile;
 * - blocks of load balancers and blocks that are being deleted: no route is made of them;
 * - nets and addresses are compared as single canonical addresses: Felix ignores the mask of an
 *   endpoint's net, and Calico passes some texts on as written;
 * - a tunnel address with a mask in a Node value, which Felix refuses where it would use it.
 */
import { readFileSync } from "node:fs";

import ipaddr from "ipaddr.js";

import { CLUSTER_CONFIG_PARAMS } from "../../../shared/record/record.ts";

type Json = Readonly<Record<string, unknown>>;

export const GOLDEN = new URL("../../fixtures/golden/kubernetes/", import.meta.url);

export type KeyValues = ReadonlyMap<string, unknown>;

export function readKeyValues(text: string): KeyValues {
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { readonly key: string; readonly value: unknown })
      .map(({ key, value }) => [key, value]),
  );
}

export function expectedOf(file: "v1-base.jsonl" | "v3-base.jsonl"): KeyValues {
  return reducedKeyValues(readKeyValues(readFileSync(new URL(file, GOLDEN), "utf8")));
}

export function reducedKeyValues(golden: KeyValues): KeyValues {
  return new Map(
    [...golden].flatMap(([key, value]) => {
      const reduced = reduce(key, value as Json);
      return reduced === undefined ? [] : [[key, reduced]];
    }),
  );
}

/**
 * What a real API server has of its own, beside the fixtures: its namespaces, and their service
 * accounts. The recording left them out too.
 */
export function withoutSystemNamespaces(dump: KeyValues): KeyValues {
  const system = /\/(kns|ksa)\.(default|kube-system|kube-public|kube-node-lease)(\.|$)/;
  return new Map([...dump].filter(([key]) => !system.test(key)));
}

const HOST_CONFIG =
  /\/config\/(IPv4VXLANTunnelAddr|IPv6VXLANTunnelAddr|IpInIpTunnelAddr|VXLANTunnelMACAddr|VXLANTunnelMACAddrV6)$/;

function reduce(key: string, value: Json): unknown {
  if (key.includes("/workload/"))
    return {
      ipv4_nets: addresses(value["ipv4_nets"], 32),
      ipv6_nets: addresses(value["ipv6_nets"], 128),
      ...pick(value, ["labels", "profile_ids", "ports"]),
    };
  if (/^\/calico\/v1\/host\/[^/]+\/endpoint\//.test(key))
    return pick(value, [
      "name",
      "expected_ipv4_addrs",
      "expected_ipv6_addrs",
      "labels",
      "profile_ids",
      "ports",
    ]);
  if (key.startsWith("/calico/v1/host/"))
    return HOST_CONFIG.test(key) || /\/(bird_ip|wireguard)$/.test(key) ? value : undefined;
  if (key.endsWith("/profiles/projectcalico-default-allow")) return undefined;
  if (key.includes("/projectcalico.org/profiles/"))
    return v3(value, { spec: pick(value["spec"] as Json, ["labelsToApply"]) });
  if (key.includes("/projectcalico.org/nodes/")) return reduceNode(value);
  if (key.includes("/pool/"))
    return pick(
      value,
      ["cidr", "ipip_mode", "vxlan_mode", "masquerade", "disabled", "allowed_uses"],
      {
        allowed_uses: (uses) => (uses as string[]).toSorted(),
      },
    );
  if (key.includes("/block/")) return reduceBlock(value);
  const param = /^\/calico\/v1\/config\/(\w+)$/.exec(key)?.[1];
  return (CLUSTER_CONFIG_PARAMS as readonly (string | undefined)[]).includes(param)
    ? value
    : undefined;
}

function pick(
  value: Json,
  names: readonly string[],
  change: Readonly<Record<string, (v: unknown) => unknown>> = {},
): Json {
  return Object.fromEntries(
    names
      .filter((name) => value[name] !== undefined)
      .map((name) => [name, change[name]?.(value[name]) ?? value[name]]),
  );
}

function v3(value: Json, rest: Json): Json {
  const { name } = value["metadata"] as { readonly name: string };
  return { apiVersion: value["apiVersion"], kind: value["kind"], metadata: { name }, ...rest };
}

function canonical(text: unknown): string {
  const [ip = "", length] = String(text).split("/");
  // Not ours to judge.
  if (!ipaddr.isValid(ip)) return String(text);
  const address = ipaddr.process(ip);
  return length === undefined ? address.toString() : `${address.toString()}/${length}`;
}

function addresses(nets: unknown, length: number): unknown {
  return nets === null
    ? null
    : (nets as string[]).map((net) => `${canonical(net).split("/")[0]}/${length}`);
}

function reduceNode(value: Json): Json {
  const spec = value["spec"] as Json;
  const internal = ((spec["addresses"] ?? []) as { type: string; address: string }[]).filter(
    ({ type }) => type === "InternalIP",
  );
  const bgp = pick(
    (spec["bgp"] ?? {}) as Json,
    ["ipv4Address", "ipv6Address", "ipv4IPIPTunnelAddr"],
    { ipv4Address: canonical, ipv6Address: canonical },
  );
  const tunnels = pick(spec, [
    "ipv4VXLANTunnelAddr",
    "ipv6VXLANTunnelAddr",
    "vxlanTunnelMACAddr",
    "vxlanTunnelMACAddrV6",
    "wireguard",
  ]);
  return v3(value, {
    spec: {
      ...(internal.length > 0 && { addresses: internal }),
      ...(Object.keys(bgp).length > 0 && { bgp }),
      ...Object.fromEntries(
        Object.entries(tunnels).filter(([, text]) => !String(text).includes("/")),
      ),
    },
    status: pick(value["status"] as Json, ["wireguardPublicKey", "wireguardPublicKeyV6"]),
  });
}

interface GoldenBlock {
  readonly cidr: string;
  readonly affinity: string | null;
  readonly deleted: boolean;
  readonly allocations: readonly (number | null)[];
  readonly attributes: readonly { readonly secondary?: { readonly node?: string } }[];
}

function reduceBlock(value: Json): unknown {
  const block = value as unknown as GoldenBlock;
  if (block.deleted || block.affinity?.startsWith("virtual:") === true) return undefined;
  const allocations: (number | null)[] = [];
  const attributes: unknown[] = [];
  for (const [ordinal, index] of block.allocations.entries()) {
    const node = index === null ? undefined : block.attributes[index]?.secondary?.node;
    if (node === undefined || `host:${node}` === block.affinity) continue;
    while (allocations.length < ordinal) allocations.push(null);
    allocations.push(attributes.length);
    attributes.push({ secondary: { node } });
  }
  return { cidr: block.cidr, affinity: block.affinity, allocations, attributes };
}
