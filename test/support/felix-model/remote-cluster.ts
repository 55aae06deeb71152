/**
 * The recorded key/values of a remote cluster, put back together to what that cluster would
 * publish.
 */
import { unescapeSegment } from "../../../shared/record/key.ts";
import type { CalicoRecord, EncapMode } from "../../../shared/record/record.ts";
import { node } from "../records.ts";
import { identityRecord, splitName } from "./to-record.ts";
import type { RecordedKv } from "./to-record.ts";

interface NodeValue {
  readonly spec?: {
    readonly bgp?: { readonly ipv4Address?: string; readonly ipv6Address?: string } | null;
    readonly ipv4VXLANTunnelAddr?: string;
    readonly addresses?: readonly { readonly address: string; readonly type: string }[];
  };
}

interface PoolValue {
  readonly cidr: string;
  readonly ipip_mode: EncapMode;
  readonly vxlan_mode: EncapMode;
  readonly masquerade: boolean;
  readonly disabled: boolean;
  readonly allowed_uses?: readonly string[];
}

interface BlockValue {
  readonly cidr: string;
  readonly affinity: string | null;
  readonly allocations: readonly (number | null)[];
  readonly attributes: readonly { readonly secondary?: { readonly node?: string } }[];
}

export class RemoteCluster {
  readonly #kvs = new Map<string, unknown>();

  apply(kvs: readonly RecordedKv[]): void {
    for (const { key, value } of kvs)
      if (value === null) this.#kvs.delete(key);
      else this.#kvs.set(key, value);
  }

  records(): CalicoRecord[] {
    return [...this.#kvs].flatMap(([key, value]) => {
      const identity = identityRecord({ key, value });
      if (identity !== null) return [identity.record];
      const record =
        this.#nodeRecord(key, value) ?? poolRecord(key, value) ?? blockRecord(key, value);
      return record === null ? [] : [record];
    });
  }

  #nodeRecord(key: string, value: unknown): CalicoRecord | null {
    const match = /\/projectcalico\.org\/nodes\/([^/]+)$/.exec(key);
    if (match === null) return null;
    const renamed = unescapeSegment(match[1] ?? "");
    const { spec } = value as NodeValue;
    const setting = (name: string) => {
      const text = this.#kvs.get(`/calico/v1/host/${renamed}/config/${name}`);
      return typeof text === "string" ? text : null;
    };
    return node(splitName(renamed)[1], {
      ipv4Address: spec?.bgp?.ipv4Address ?? "",
      ipv6Address: spec?.bgp?.ipv6Address ?? "",
      internalIPs: (spec?.addresses ?? []).map(({ address }) => address),
      ipv4VXLANTunnelAddr: setting("IPv4VXLANTunnelAddr") ?? spec?.ipv4VXLANTunnelAddr ?? "",
      vxlanTunnelMACAddr: setting("VXLANTunnelMACAddr") ?? "",
    });
  }
}

function poolRecord(key: string, value: unknown): CalicoRecord | null {
  if (!key.includes("/ipam/v4/pool/")) return null;
  const pool = value as PoolValue;
  return {
    kind: "IPPool",
    cidr: pool.cidr,
    ipipMode: pool.ipip_mode,
    vxlanMode: pool.vxlan_mode,
    natOutgoing: pool.masquerade,
    disabled: pool.disabled,
    allowedUses: pool.allowed_uses ?? [],
  };
}

/** Blocks of load balancers are not published. */
function blockRecord(key: string, value: unknown): CalicoRecord | null {
  if (!key.includes("/block/")) return null;
  const { cidr, affinity, allocations, attributes } = value as BlockValue;
  if (affinity?.startsWith("virtual:") === true) return null;
  const owner = affinity?.replace(/^host:/, "") ?? "";
  return {
    kind: "IPAMBlock",
    cidr,
    node: splitName(owner)[1],
    borrowed: allocations.flatMap((index, ordinal) => {
      const user = index === null ? undefined : attributes[index]?.secondary?.node;
      return user === undefined || user === owner ? [] : [{ ordinal, node: splitName(user)[1] }];
    }),
  };
}
