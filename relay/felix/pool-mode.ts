/**
 * The encapsulation mode of another cluster's pool, chosen so that it changes none of the flags
 * that Felix ends itself for. Before 3.33 a pool without a mode never does. From 3.33 on, where
 * Felix programs its cluster's routes, it counts pools without a mode: one among encapsulated local
 * pools would end it, at each start again. Then the copy has a mode that a local pool of its family
 * has; it has no blocks, so no route comes of it. Source: calico release-v3.33
 * felix/calc/encapsulation_resolver.go. [TYP42]
 */
import { z } from "zod";

export type PoolMode = "none" | "vxlan" | "ipip";

/** A pool of the cluster's own, as its Felix counts it. */
export interface LocalPool {
  readonly isIPv6: boolean;
  readonly isVxlan: boolean;
  readonly isIpip: boolean;
}

const valueSchema = z.object({
  cidr: z.string(),
  ipip_mode: z.string().nullish(),
  vxlan_mode: z.string().nullish(),
});

/** @param value The JSON of a pool's value, as Typha sends it. `null`: Felix does not read it. */
export function readLocalPool(value: Uint8Array): LocalPool | null {
  try {
    const pool = valueSchema.parse(JSON.parse(Buffer.from(value).toString("utf8")));
    return {
      isIPv6: pool.cidr.includes(":"),
      isVxlan: (pool.vxlan_mode ?? "") !== "",
      isIpip: (pool.ipip_mode ?? "") !== "",
    };
  } catch {
    return null;
  }
}

/** @param version What a Felix says in its hello; one that is not known may be of any. */
export function countsPlainPools(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return minor === undefined || Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 33);
}

/** Whether a local pool of that family stands for VXLAN, so that another one changes no flag. */
export function hasVxlan(cidr: string, local: readonly LocalPool[]): boolean {
  const isIPv6 = cidr.includes(":");
  // fault: vxlan-without-local-pool
  return local.some((pool) => pool.isVxlan && pool.isIPv6 === isIPv6);
}

/** @returns `null`: no mode leaves all flags as they are, so Felix must not get the pool. */
export function modeFor(cidr: string, local: readonly LocalPool[]): PoolMode | null {
  if (local.some(({ isVxlan, isIpip }) => !isVxlan && !isIpip)) return "none";
  if (hasVxlan(cidr, local)) return "vxlan";
  return !cidr.includes(":") && local.some(({ isIpip }) => isIpip) ? "ipip" : null;
}
