/** The sets of endpoints that rules of policies name. [SEL5] */

/** One set of endpoints that a rule names: one IP set of Felix. */
export interface RuleMatch {
  readonly direction: "ingress" | "egress";
  /** Place of the rule in its direction, from 0. */
  readonly rule: number;
  readonly action: string;
  readonly side: "source" | "destination";
  /** Members are excluded instead of included. */
  readonly isNegated: boolean;
  /** Calico selector text; what it means is Felix's. */
  readonly selector: string;
  /** At most one: members are then address and port. Felix makes a set of each named port. */
  readonly namedPorts: readonly NamedPort[];
}

export interface NamedPort {
  readonly name: string;
  /** `tcp`, `udp`, `sctp`, or `any` where the rule has no protocol. */
  readonly protocol: string;
}

export function isNamedPort(port: string | number): port is string {
  return typeof port === "string" && !/^\d+(:\d+)?$/.test(port);
}

/** Selectors, all of which must hold. */
export function joinSelectors(parts: readonly string[]): string {
  return parts.length > 1 ? parts.map((part) => `(${part})`).join(" && ") : (parts[0] ?? "");
}
