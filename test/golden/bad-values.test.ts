/**
 * The 239 odd values, put into everything that an origin can publish: as record bytes, as a list in
 * the order of a record's fields with the odd texts and types as they are, as a typed record where
 * they can be spelled. Whatever comes out at the other end, a Felix takes.
 */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { parseCidr } from "../../shared/ip/cidr.ts";
import { parseIp } from "../../shared/ip/address.ts";
import { pack } from "../../shared/lib/msgpack.ts";
import { KINDS, VALUE_VERSION } from "../../shared/record/schema.ts";
import { isRemoteKey, throughMesh, throughRelay } from "../fuzz/mesh-path.ts";
import { FelixModel } from "../support/felix-model/model.ts";

interface BadValues {
  readonly felixHostname: string;
  readonly baseKVs: readonly { readonly key: string; readonly value: string }[];
  readonly cases: readonly {
    readonly kind: string;
    readonly what: string;
    readonly key: string;
    readonly value?: string | null;
    readonly result: string;
  }[];
}

type Json = Readonly<Record<string, unknown>>;

const bad = JSON.parse(
  readFileSync(new URL("../fixtures/golden/felix/bad-values.json", import.meta.url), "utf8"),
) as BadValues;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** An address as its bytes, or the odd thing itself. */
function wireIp(given: unknown): unknown {
  return typeof given === "string" ? (parseIp(given.split("/")[0] ?? "") ?? given) : given;
}

function wireCidr(given: unknown): unknown {
  const cidr = typeof given === "string" ? parseCidr(given) : null;
  return cidr === null ? given : Uint8Array.of(...cidr.address, cidr.length);
}

function each(given: unknown, one: (entry: unknown) => unknown): unknown {
  return Array.isArray(given) ? given.map(one) : given;
}

/** Flat, sorted as the encoding wants it, odd values as they are. */
function wireLabels(given: unknown): unknown {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
  return Object.entries(given)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flat();
}

function wirePorts(given: unknown): unknown {
  if (!Array.isArray(given)) return given;
  return given.flatMap((port: unknown) => {
    const { name, protocol, port: number } = port as Json;
    const at = ["tcp", "udp", "sctp"].indexOf(String(protocol));
    return [name, at < 0 ? protocol : at, number];
  });
}

/** Records that carry a case's oddities, in the order of fields of `shared/record/schema.ts`. */
function wiresOf(kind: string, value: unknown, key: string): unknown[][] {
  const given = (typeof value === "object" && value !== null ? value : {}) as Json;
  const spec = (given["spec"] ?? {}) as Json;
  const bgp = (spec["bgp"] ?? {}) as Json;
  const name = (given["metadata"] as Json | undefined)?.["name"];
  const segments = key.split("/").map((segment) => segment.replace(/^blue_/, ""));
  const common = [
    each(given["profile_ids"], (id) => (typeof id === "string" ? id.replace(/^blue_/, "") : id)),
    wireLabels(given["labels"]),
    wirePorts(given["ports"]),
  ];
  switch (kind) {
    case "WorkloadEndpoint":
    case "key":
    case "update":
    case "delete":
    case "new": {
      const nets = [given["ipv4_nets"], given["ipv6_nets"]].flat();
      const [, , , , host = "", , orchestrator = "", id = "", , endpoint = ""] = segments;
      const [namespace = "", pod = ""] = id.replace("%2f", "/").split("/");
      return [
        [0, host, orchestrator, namespace, pod, endpoint, each(nets, wireIp), ...common],
        [0, "node-b1", "k8s", "shop", given["name"], "eth0", each(nets, (net) => net), ...common],
        [3, wireCidr(given["cidr"]), given["ipip_mode"], given["vxlan_mode"], 0, 1, []],
        [5, wireCidr(segments.at(-1)?.replace("-", "/")), "node-b1", []],
      ];
    }
    case "HostEndpoint":
    case "NetworkSet": {
      const ips = each(given["expected_ipv4_addrs"] ?? given["nets"], wireIp);
      return [[1, "node-b1", "eth0", given["name"], ips, ...common]];
    }
    case "Profile":
      return [
        [2, "kns.shop", wireLabels(spec["labelsToApply"])],
        [2, name, wireLabels(spec["labelsToApply"])],
      ];
    case "IPPool": {
      const flags = [given["masquerade"], given["disabled"], given["allowed_uses"]];
      return [
        [3, wireCidr(given["cidr"]), given["ipip_mode"], given["vxlan_mode"], ...flags],
        [3, given["cidr"], given["ipip_mode"], given["vxlan_mode"], 0, 0, []],
        [3, wireCidr(given["cidr"]), "", "", 1, 0, given["allowed_uses"] ?? []],
      ];
    }
    case "Node":
    case "WireGuard":
    case "HostConfig":
    case "HostIP": {
      const raw = typeof value === "string" ? value : given["interfaceIPv4Addr"];
      const keyOfNode = (given["status"] as Json | undefined)?.["wireguardPublicKey"];
      const addresses = each(spec["addresses"] ?? [], (one) => wireIp((one as Json)["address"]));
      const macs = [spec["vxlanTunnelMACAddr"] ?? raw, ""];
      const rest = [wireIp(raw), wireIp(raw), null, given["publicKey"] ?? keyOfNode, ""];
      return [
        [4, "node-b1", wireCidr(bgp["ipv4Address"]), wireCidr(bgp["ipv6Address"]), addresses],
        [
          4,
          name,
          null,
          null,
          addresses,
          wireIp(spec["ipv4VXLANTunnelAddr"]),
          null,
          ...macs,
          ...rest,
        ],
        [4, "node-b1", bgp["ipv4Address"], null, [], wireIp(raw ?? null), null, ...macs],
      ];
    }
    case "Block": {
      const affinity = given["affinity"];
      const host = typeof affinity === "string" ? affinity.replace(/^host:(blue_)?/, "") : affinity;
      const attributes = Array.isArray(given["attributes"]) ? (given["attributes"] as Json[]) : [];
      const borrowed = each(given["allocations"], (index) => {
        const attribute = attributes[Number(index)]?.["secondary"] as Json | undefined;
        return [index, attribute?.["node"]];
      });
      return [
        [5, wireCidr(given["cidr"]), host, Array.isArray(borrowed) ? borrowed.flat() : borrowed],
        [5, given["cidr"], host, []],
      ];
    }
    default:
      return KINDS.map((_kind, number) => [number, value]);
  }
}

/** All the bytes that a case could be published as. */
function bytesOf({ kind, value, key }: BadValues["cases"][number]): Uint8Array[] {
  const text = value ?? "";
  const json = parsed(text);
  return [
    new TextEncoder().encode(text),
    pack(json),
    pack([VALUE_VERSION, json]),
    ...KINDS.map((_kind, number) => pack([VALUE_VERSION, number, json])),
    ...wiresOf(kind, json, key).map((wire) => pack([VALUE_VERSION, ...wire])),
    // Odd fields alone, the rest cut off or in their place.
    ...wiresOf(kind, json, key).map((wire) =>
      pack([VALUE_VERSION, ...wire.map((field) => field ?? null)]),
    ),
  ];
}

test("[ORA3] none of 239 odd values gets through to a Felix in a form that it would not take", () => {
  expect(bad.cases).toHaveLength(239);
  const model = new FelixModel(bad.felixHostname);
  model.apply(bad.baseKVs);
  model.start();
  let tried = 0;
  let through = 0;
  for (const one of bad.cases)
    for (const bytes of bytesOf(one))
      for (const path of [throughMesh, throughRelay]) {
        tried++;
        const passed = path(bytes);
        if (passed.at !== "felix") continue;
        through++;
        const { update } = passed;
        const [effect] = model.apply([update]);
        expect(
          [effect?.is, model.exit, isRemoteKey(update.key)],
          `${one.kind}, ${one.what}`,
        ).toEqual(["taken", null, true]);
      }
  expect(tried).toBeGreaterThan(239 * 2 * 10);
  // Right values, and odd ones whose oddity has no place in a record, come through as right ones.
  expect(through).toBeGreaterThan(20);
});

test("[ORA3] what a Felix would drop is refused by name where it comes in", () => {
  const rules = bad.cases
    .filter(({ kind, result }) => kind === "Profile" && result === "as a deletion")
    .flatMap((one) => bytesOf(one).map(throughMesh))
    .flatMap((passed) => (passed.at === "quarantine" ? [passed.rule] : []));
  expect([...new Set(rules)].toSorted()).toEqual([
    "label a must have a label value of Kubernetes (at most 63 characters)",
    "name blue_kns.shop must be a lower-case DNS-1123 subdomain of at most 253 characters",
  ]);
});
