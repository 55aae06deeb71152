/**
 * A strict model of what Felix accepts and what follows from it: key/values in, the state that its
 * dataplane is told out, or how it ends (in nftables mode, which bears less than iptables). An
 * oracle for tests, written from the contract of the felix stream and proven by recordings of a
 * real Felix; it knows nothing of the relay.
 */
import { encapsulationFields, encapsulationOf, routesOf, vtepsOf } from "./routes.ts";
import type { Encapsulation, Fields } from "./routes.ts";
import { refusedPools } from "./interval-sets.ts";
import { endpointsOf, ipSetsOf, selects } from "./ip-sets.ts";
import { readNet } from "./addresses.ts";
import { readKey } from "./keys.ts";
import type { FelixKey } from "./keys.ts";
import { Objects } from "./objects.ts";
import { panicOfChange } from "./changes.ts";
import { isJsonKind, readValue } from "./values.ts";

export interface FelixUpdate {
  readonly key: string;
  /** Absent or empty deletes, whatever the update's type says. */
  readonly value: string | null;
}

export interface Exit {
  /** 129: settings changed. 2: panic. 1: not ready. */
  readonly code: number;
  readonly reason: string;
}

/** What became of one update. */
export type Effect =
  /** The path names nothing that Felix knows. */
  | { readonly is: "unknown" }
  | { readonly is: "deleted" }
  | { readonly is: "taken" }
  /** Validation fails: the same as a deletion. */
  | { readonly is: "missing"; readonly rule: string }
  | { readonly is: "panic"; readonly rule: string };

export interface Outcome {
  readonly ipSets: Readonly<Record<string, readonly string[]>>;
  readonly routes: readonly Fields[];
  readonly vteps: readonly Fields[];
  readonly encapsulation: Fields;
  readonly pools: Readonly<Record<string, unknown>>;
  readonly hosts: Readonly<Record<string, Fields>>;
  readonly namespaces: Readonly<Record<string, unknown>>;
  readonly wireguard: Readonly<Record<string, unknown>>;
}

/** What one update would be to any Felix, apart from what else is there. */
export function effectOf(update: FelixUpdate): Effect {
  return judge(readKey(update.key), update.value).effect;
}

function judge(
  key: FelixKey | null,
  value: string | null,
): { readonly effect: Effect; readonly held?: unknown } {
  if (key === null) return { effect: { is: "unknown" } };
  if (value === null || value === "") return { effect: { is: "deleted" } };
  if (!isJsonKind(key.kind)) return { effect: { is: "taken" }, held: value };
  const read = readValue(key.kind, value);
  if (read.is === "value") return { effect: { is: "taken" }, held: read.value };
  return { effect: { is: read.is, rule: read.rule } };
}

/** Host settings that a node's object yields: no setting of Felix itself. */
const NODE_PARAMS =
  /^(IPv4VXLANTunnelAddr|IPv6VXLANTunnelAddr|VXLANTunnelMACAddr(V6)?|IpInIpTunnelAddr)$/;

export interface FelixOptions {
  /** Of 3.33 and later: `programClusterRoutes` is `Enabled` or `EnabledNoEncapOnly`. */
  readonly programsRoutes?: boolean;
}

export class FelixModel {
  readonly hostname: string;
  readonly #objects = new Objects();
  #started: { readonly encapsulation: Encapsulation; readonly settings: string } | null = null;
  #exit: Exit | null = null;

  readonly #programsRoutes: boolean;

  constructor(hostname: string, { programsRoutes = false }: FelixOptions = {}) {
    this.hostname = hostname;
    this.#programsRoutes = programsRoutes;
  }

  get exit(): Exit | null {
    return this.#exit;
  }

  /**
   * Felix compares with what its own datastore held at its start.
   * @param datastore What it held; absent: what has come until now.
   */
  start(datastore: FelixModel = this): void {
    this.#started = {
      encapsulation: encapsulationOf(datastore.#objects),
      settings: datastore.#settings(),
    };
    this.#exit = this.#changed(this.#started) ?? panicOf(refusedPools(this.#objects));
  }

  /** @param updates One message, in its order. */
  apply(updates: readonly FelixUpdate[]): readonly Effect[] {
    if (this.#exit !== null) return [];
    const effects = updates.map((update) => this.#apply(update));
    const panic = effects.find((effect) => effect.is === "panic");
    if (panic !== undefined) this.#exit = panicOf(panic.rule);
    else if (this.#started !== null) this.#exit = this.#changed(this.#started);
    return effects;
  }

  outcome(): Outcome {
    const objects = this.#objects;
    return {
      ipSets: ipSetsOf(objects, this.hostname),
      routes: routesOf(objects, this.hostname),
      vteps: vtepsOf(objects),
      encapsulation: encapsulationFields(encapsulationOf(objects)),
      pools: this.#pools(),
      hosts: this.#hosts(),
      namespaces: this.#namespaces(),
      wireguard: Object.fromEntries(
        [...objects.of("WireGuard")]
          .filter(([, { publicKey, publicKeyV6 }]) => publicKey !== "" || publicKeyV6 !== "")
          .map(([{ host: hostname }, value]) => [
            hostname,
            {
              hostname,
              ...filled("interface_ipv4_addr", value.interfaceIPv4Addr),
              ...filled("public_key", value.publicKey),
              ...filled("interface_ipv6_addr", value.interfaceIPv6Addr),
              ...filled("public_key_v6", value.publicKeyV6),
            },
          ]),
      ),
    };
  }

  /** Policies that apply to a local endpoint, by name. */
  activePolicies(): string[] {
    const local = [...endpointsOf(this.#objects)].filter(({ host }) => host === this.hostname);
    return [...this.#objects.of("Policy")]
      .filter(([, { selector }]) => local.some(({ labels }) => selects(selector, labels)))
      .map(([{ name }]) => name);
  }

  #apply({ key: path, value }: FelixUpdate): Effect {
    const key = readKey(path);
    const judged = judge(key, value);
    const rule = key === null ? null : panicOfChange(this.#objects, key, judged.held);
    const effect: Effect = rule === null ? judged.effect : { is: "panic", rule };
    const { held } = judged;
    if (key === null || effect.is === "panic") return effect;
    if (effect.is === "taken") this.#objects.set(key, held);
    else this.#objects.delete(key);
    // Nothing is programmed before the first in-sync.
    const isProgrammed = key.kind === "IPPool" && this.#started !== null;
    const refused = isProgrammed ? refusedPools(this.#objects) : null;
    return refused === null ? effect : { is: "panic", rule: refused };
  }

  #changed(start: {
    readonly encapsulation: Encapsulation;
    readonly settings: string;
  }): Exit | null {
    if (this.#objects.get<"Ready">({ kind: "Ready" }) === "false")
      return { code: 1, reason: "datastore became unready" };
    if (this.#settings() !== start.settings) return { code: 129, reason: "config changed" };
    const now = encapsulationOf(this.#objects);
    const isSame =
      now.ipip === start.encapsulation.ipip &&
      now.vxlan === start.encapsulation.vxlan &&
      now.vxlanV6 === start.encapsulation.vxlanV6 &&
      (!this.#programsRoutes || now.noEncap === start.encapsulation.noEncap);
    return isSame ? null : { code: 129, reason: "encapsulation changed" };
  }

  #settings(): string {
    const global = [...this.#objects.of("GlobalConfig")].map(
      ([{ name }, value]) => `${name}=${value}`,
    );
    const own = [...this.#objects.of("HostConfig")]
      .filter(([{ host, name }]) => host === this.hostname && !NODE_PARAMS.test(name))
      .map(([{ name }, value]) => `${name}=${value}`);
    return JSON.stringify([global.toSorted(), own.toSorted()]);
  }

  #pools(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#objects.of("IPPool")].map(([{ net }, pool]) => [
        net.text.replace("/", "-"),
        {
          ...(pool.allowed_uses.length > 0 ? { allowed_uses: pool.allowed_uses } : {}),
          cidr: pool.cidr.given,
          ...(pool.ipip_mode === "" ? {} : { ipip_mode: pool.ipip_mode }),
          ...(pool.masquerade ? { masquerade: true } : {}),
          ...(pool.vxlan_mode === "" ? {} : { vxlan_mode: pool.vxlan_mode }),
        },
      ]),
    );
  }

  #hosts(): Record<string, Fields> {
    const prefix = (text: string) => (text.includes("/") && readNet(text) !== null ? text : null);
    return Object.fromEntries(
      [...this.#objects.of("Node")].map(([{ name }, { spec }]) => {
        const v4 = prefix(spec.bgp?.ipv4Address ?? "");
        const v6 = prefix(spec.bgp?.ipv6Address ?? "");
        return [
          name,
          {
            hostname: name,
            ...(v4 === null ? {} : { ipv4_addr: v4 }),
            ...(v6 === null ? {} : { ipv6_addr: v6 }),
          },
        ];
      }),
    );
  }

  /** Felix takes every profile called `kns.…` for a namespace of its own. */
  #namespaces(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#objects.of("Profile")]
        .filter(([{ name }]) => name.startsWith("kns."))
        .map(([{ name }, { spec }]) => [
          name.slice("kns.".length),
          {
            id: { name: name.slice("kns.".length) },
            labels: Object.fromEntries(
              [...spec.labelsToApply]
                .filter(([label]) => label.startsWith("pcns."))
                .map(([label, value]) => [label.slice("pcns.".length), value]),
            ),
          },
        ]),
    );
  }
}

function panicOf(rule: string | null): Exit | null {
  return rule === null ? null : { code: 2, reason: `panic: ${rule}` };
}

function filled(name: string, value: string | null): Fields {
  return value === null || value === "" ? {} : { [name]: value };
}
