/**
 * Values as a hostile origin may publish them: records of every kind in odd forms, fields of wrong
 * types, broken bytes.
 */
import { pack, unpack } from "../../shared/lib/msgpack.ts";
import { encodeRecord } from "../../shared/record/encoding.ts";
import { FieldError } from "../../shared/record/wire-reader.ts";
import type {
  CalicoRecord,
  EndpointPort,
  ServicePort,
  Labels,
} from "../../shared/record/record.ts";
import { KINDS } from "../../shared/record/schema.ts";
import { node } from "../support/records.ts";
import { TEXTS, LABEL_KEYS, LABEL_VALUES, IPS, CIDRS, NODES, MODES } from "./odd-texts.ts";
import type { Random } from "./random.ts";

function labels(random: Random, oddity: number): Labels {
  return Object.fromEntries(
    random.list(4, () =>
      random.chance(oddity)
        ? ([random.pick(LABEL_KEYS), random.pick(LABEL_VALUES)] as const)
        : ([
            random.pick(["app", "role", "pcns.env"]),
            random.pick(["client", "edge", "staging"]),
          ] as const),
    ),
  );
}

function ports(random: Random): EndpointPort[] {
  return random.list(3, () => ({
    name: random.pick(["http", "dns", ...TEXTS]),
    protocol: random.pick(["tcp", "udp", "sctp"] as const),
    port: random.pick([1, 80, 8080, 65_535, 0, -1, 65_536, 1.5, Number.NaN]),
  }));
}

function servicePorts(random: Random, oddity: number): ServicePort[] {
  if (random.chance(oddity)) return ports(random);
  return [{ name: "db", protocol: "tcp", port: 5432 }];
}

/** Right in its types, odd in its texts. */
export function randomRecord(random: Random): CalicoRecord {
  const text = () => random.pick(TEXTS);
  // Some records are odd in many places, most in few: those get far.
  const oddity = random.pick([0.01, 0.05, 0.3]);
  const good = <T extends string>(usual: T, odd: () => string) =>
    random.chance(oddity) ? odd() : usual;
  switch (random.pick(KINDS)) {
    case "WorkloadEndpoint":
      return {
        kind: "WorkloadEndpoint",
        node: good("node-b1", () => random.pick(NODES)),
        orchestrator: good("k8s", text),
        namespace: good("shop", text),
        name: good(`pod-${random.below(500)}`, text),
        endpoint: good("eth0", text),
        ips: [
          `10.66.1.${random.below(250)}`,
          ...random.list(2, () => good("10.66.0.7", () => random.pick(IPS))),
        ],
        labels: labels(random, oddity),
        profiles: random.list(3, () => good("kns.shop", text)),
        ports: random.chance(oddity) ? ports(random) : [],
      };
    case "HostEndpoint":
      return {
        kind: "HostEndpoint",
        node: good("node-b1", () => random.pick(NODES)),
        name: good(`hep-${random.below(500)}`, text),
        interfaceName: good("eth0", text),
        ips: random.list(3, () => good("192.0.2.21", () => random.pick(IPS))),
        labels: labels(random, oddity),
        profiles: random.list(2, () => good("p", text)),
        ports: random.chance(oddity) ? ports(random) : [],
      };
    case "Profile":
      return { kind: "Profile", name: good("kns.shop", text), labels: labels(random, oddity) };
    case "IPPool":
      return {
        kind: "IPPool",
        cidr: good("10.66.0.0/16", () => random.pick(CIDRS)),
        ipipMode: random.pick(MODES) as "",
        vxlanMode: random.pick(MODES) as "",
        natOutgoing: random.chance(0.5),
        disabled: random.chance(0.5),
        allowedUses: random.list(2, () => random.pick(["Workload", "LoadBalancer", ...TEXTS])),
      };
    case "Node":
      return node(
        good("node-b1", () => random.pick(NODES)),
        {
          ipv4Address: good("192.0.2.21/24", () => random.pick([...IPS, ...CIDRS])),
          ipv6Address: random.chance(0.5) ? "" : random.pick(IPS),
          internalIPs: random.list(2, () => random.pick(IPS)),
          ipv4VXLANTunnelAddr: good("10.66.0.0", () => random.pick(IPS)),
          vxlanTunnelMACAddr: good("66:f9:37:c3:7e:94", text),
          wireguardPublicKey: random.chance(0.5) ? "" : text(),
        },
      );
    case "IPAMBlock":
      return {
        kind: "IPAMBlock",
        cidr: random.pick(CIDRS),
        node: good("node-b1", () => random.pick(NODES)),
        borrowed: random.list(2, () => ({
          ordinal: random.pick([0, 1, 63, 64, 65_535, -1]),
          node: random.pick(NODES),
        })),
      };
    case "Service":
      return {
        kind: "Service",
        namespace: good("shop", text),
        name: good("db", text),
        labels: labels(random, oddity),
        ports: servicePorts(random, oddity),
        appProtocols: labels(random, oddity),
        headless: random.chance(0.5),
        publishNotReady: random.chance(0.5),
        federated: random.chance(0.2),
        affinitySeconds: random.pick([0, 1, 10_800, 86_400, 86_401, -1, 0.5]),
        internalLocal: random.chance(0.2),
        trafficDistribution: good("PreferClose", text),
        families: random.pick(["", "6", "46", "64", "4"]),
      };
    case "ServiceExport":
      return {
        kind: "ServiceExport",
        namespace: good("shop", text),
        name: good("db", text),
        createdMs: random.pick([0, 1.8e12, 2 ** 48, -1]),
        labels: labels(random, oddity),
        annotations: labels(random, oddity),
      };
    case "ServiceEndpoint":
      return {
        kind: "ServiceEndpoint",
        namespace: good("shop", text),
        service: good("db", text),
        ip: good(`10.66.1.${random.below(250)}`, () => random.pick(IPS)),
        ports: servicePorts(random, oddity),
        notReady: random.chance(0.2),
        notServing: random.chance(0.2),
        terminating: random.chance(0.2),
        zone: good("eu-1a", text),
        hostname: good("db-0", text),
        pod: good("db-0", text),
      };
    case "ServiceChange":
      return {
        kind: "ServiceChange",
        namespace: good("shop", text),
        service: good("db", text),
        atMs: random.pick([0, 1, 1.8e12, 2 ** 48 - 1, 2 ** 48, -1, 0.5]),
      };
    case "ClusterConfig":
      return { kind: "ClusterConfig", params: labels(random, oddity) };
  }
}

/** Any value that msgpack can say, seldom deep. */
export function randomValue(random: Random, depth = 0): unknown {
  switch (random.below(depth > 2 ? 7 : 9)) {
    case 0:
      return null;
    case 1:
      return random.pick([0, 1, 2, 3, 4, 5, 6, 7, -1, 300, 65_536, 1.5, 2 ** 53, -(2 ** 40)]);
    case 2:
      return random.pick(TEXTS);
    case 3:
      return random.chance(0.5);
    case 4:
      return Uint8Array.from({ length: random.pick([0, 1, 3, 4, 5, 6, 12, 16, 17, 18]) }, () =>
        random.pick([0, 1, 10, 66, 127, 255]),
      );
    case 5:
      return random.pick(LABEL_KEYS);
    case 6:
      return random.pick([Number.NaN, Number.POSITIVE_INFINITY, -0, 10n ** 17n]);
    case 7:
      return random.list(5, () => randomValue(random, depth + 1));
    default:
      return Object.fromEntries(
        random.list(3, () => [random.pick(LABEL_KEYS), randomValue(random, depth + 1)]),
      );
  }
}

/** A record's bytes, one field or an entry of it replaced by something else. */
export function mutatedFields(random: Random, bytes: Uint8Array): Uint8Array {
  const unpacked = unpack(bytes);
  if (!unpacked.ok || !Array.isArray(unpacked.value)) return bytes;
  const wire = [...(unpacked.value as unknown[])];
  const at = random.below(wire.length + 1);
  const field = wire[at];
  if (Array.isArray(field) && field.length > 0 && random.chance(0.6)) {
    const list = [...(field as unknown[])];
    list[random.below(list.length)] = randomValue(random);
    if (random.chance(0.2)) list.splice(random.below(list.length), 1);
    if (random.chance(0.2)) list.push(randomValue(random));
    wire[at] = list;
  } else wire[at] = randomValue(random);
  if (random.chance(0.1)) wire.length = random.below(wire.length + 1);
  return pack(wire);
}

/** Bytes flipped, left out, put in, cut off. */
export function mutatedBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const mutated = [...bytes];
  for (let i = 0; i <= random.below(3); i++) {
    const at = random.below(mutated.length + 1);
    switch (random.below(5)) {
      case 0:
        mutated[at] = random.below(256);
        break;
      case 1:
        mutated[at] = (mutated[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        mutated.splice(at, 1 + random.below(3));
        break;
      case 3:
        mutated.splice(at, 0, ...random.list(4, () => random.below(256)));
        break;
      default:
        mutated.length = at;
    }
  }
  return Uint8Array.from(mutated, (byte) => byte ?? 0);
}

/**
 * The canonical bytes of a record, or `null` where an address of it is none: such a record cannot
 * be spelled.
 */
export function bytesOf(record: CalicoRecord): Uint8Array | null {
  try {
    return encodeRecord(record);
  } catch (error) {
    if (error instanceof FieldError) return null;
    throw error;
  }
}

export function randomBytes(random: Random): Uint8Array {
  for (;;) {
    const bytes = bytesOf(randomRecord(random));
    const kind = random.next();
    if (kind < 0.02) return pack(randomValue(random));
    if (kind < 0.04) return Uint8Array.from(random.list(40, () => random.below(256)));
    if (bytes === null) continue;
    if (kind < 0.4) return bytes;
    return kind < 0.8 ? mutatedFields(random, bytes) : mutatedBytes(random, bytes);
  }
}
