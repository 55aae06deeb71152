/**
 * The commands that bring a node's kernel from one state to another, for `ip -batch`, `bridge
 * -batch` and `nft -f`. What packets need comes before the route to it, and goes behind it. Pure.
 */
import { FAMILIES } from "./kernel-plan.ts";
import type { Family, FamilyState, KernelState } from "./kernel-plan.ts";
import { UNDERLAY } from "./kernel-plan.ts";

export interface Commands {
  /** Sets of addresses, all at once; empty: none changes. */
  readonly nft: string;
  /** Devices, and what is gone of routes. */
  readonly before: readonly string[];
  readonly bridge: readonly string[];
  /** Neighbours, then routes. */
  readonly after: readonly string[];
}

const VNI = 4096;
const PORT = 4789;
/** Of the underlay's 1,500, less the headers around. */
const MTU = { 4: 1450, 6: 1430 } as const;

const EMPTY_FAMILY: FamilyState = {
  device: null,
  routes: new Map(),
  fdb: new Map(),
  neighbours: new Map(),
  sources: [],
  masqueraded: [],
  pools: [],
};
/** Of a kernel that no Felix has touched. */
export const UNTOUCHED: KernelState = { 4: EMPTY_FAMILY, 6: EMPTY_FAMILY };

/** The table with its rules, and sets without elements. Counters tell what was hidden, refused. */
export const TABLE = `
table inet felix {
  set vxlan4 { type ipv4_addr; }
  set vxlan6 { type ipv6_addr; }
  set masqueraded4 { type ipv4_addr; flags interval; }
  set masqueraded6 { type ipv6_addr; flags interval; }
  set pools4 { type ipv4_addr; flags interval; }
  set pools6 { type ipv6_addr; flags interval; }
  counter hidden { }
  counter refused { }
  chain input {
    type filter hook input priority filter;
    udp dport ${PORT} fib daddr type local ip saddr != @vxlan4 counter name refused drop
    udp dport ${PORT} fib daddr type local ip6 saddr != @vxlan6 counter name refused drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr @masqueraded4 ip daddr != @pools4 counter name hidden masquerade fully-random
    ip6 saddr @masqueraded6 ip6 daddr != @pools6 counter name hidden masquerade fully-random
  }
}
`;

export function commands(before: KernelState, after: KernelState): Commands {
  const parts = FAMILIES.map((family) => familyCommands(family, before[family], after[family]));
  const all = (of: (part: Commands) => readonly string[]): string[] => parts.flatMap(of);
  return {
    nft: parts.map(({ nft }) => nft).join(""),
    before: all((part) => part.before),
    bridge: all((part) => part.bridge),
    after: all((part) => part.after),
  };
}

function familyCommands(family: Family, before: FamilyState, after: FamilyState): Commands {
  const name = (after.device ?? before.device)?.name ?? "";
  const isNew = JSON.stringify(before.device) !== JSON.stringify(after.device);
  // A device that goes takes along what was programmed through it.
  const held = isNew ? EMPTY_FAMILY : before;
  const next = after.device === null ? EMPTY_FAMILY : after;
  return {
    nft: setCommands(family, before, after),
    before: [
      ...(isNew && before.device !== null ? [`link del ${before.device.name}`] : []),
      ...(isNew && after.device !== null ? deviceCommands(family, after) : []),
      ...[...held.routes.keys()]
        .filter((destination) => !next.routes.has(destination))
        .map((destination) => `route del ${destination}`),
    ],
    bridge: [
      ...changed(held.fdb, next.fdb).map(
        ([mac, outer]) => `fdb replace ${mac} dev ${name} dst ${outer} self permanent`,
      ),
      ...gone(held.fdb, next.fdb).map(([mac]) => `fdb del ${mac} dev ${name} self`),
    ],
    after: [
      ...changed(held.neighbours, next.neighbours).map(
        ([address, mac]) => `neigh replace ${address} lladdr ${mac} dev ${name} nud permanent`,
      ),
      ...changed(held.routes, next.routes).map(([destination, { via, device }]) =>
        via === null
          ? `route replace ${destination} dev ${device} scope link proto 80`
          : `route replace ${destination} via ${via} dev ${device} onlink proto 80`,
      ),
      ...gone(held.neighbours, next.neighbours).map(
        ([address]) => `neigh del ${address} dev ${name}`,
      ),
    ],
  };
}

function deviceCommands(family: Family, { device }: FamilyState): string[] {
  if (device === null) return [];
  const { name, address, mac, local } = device;
  const of = `id ${VNI} local ${local} dev ${UNDERLAY} dstport ${PORT} nolearning`;
  return [
    `link add ${name} address ${mac} mtu ${MTU[family]} type vxlan ${of}`,
    `addr add ${address}/${family === 4 ? 32 : 128} dev ${name}${family === 6 ? " nodad" : ""}`,
    `link set ${name} up`,
  ];
}

function setCommands(family: Family, before: FamilyState, after: FamilyState): string {
  const sets = [
    ["vxlan", before.sources, after.sources],
    ["masqueraded", before.masqueraded, after.masqueraded],
    ["pools", before.pools, after.pools],
  ] as const;
  return sets
    .filter(([, was, is]) => was.join() !== is.join())
    .map(([name, , is]) => {
      const set = `inet felix ${name}${family}`;
      const add = is.length === 0 ? "" : `add element ${set} { ${is.join(", ")} }\n`;
      return `flush set ${set}\n${add}`;
    })
    .join("");
}

function changed<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): [string, T][] {
  return [...after].filter(
    ([key, value]) => JSON.stringify(before.get(key)) !== JSON.stringify(value),
  );
}

function gone<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): [string, T][] {
  return [...before].filter(([key]) => !after.has(key));
}
