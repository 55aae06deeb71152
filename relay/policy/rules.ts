/**
 * The endpoint selectors of policies' rules, as Calico makes them: a rule's selector, namespace selector and service accounts become one
 * selector over labels, own and inherited. Source: calico v3.32.1 libcalico-go/lib/backend/syncersv1/updateprocessors/rules.go and
 * lib/backend/k8s/conversion. Only who a rule *names* is worked out; a policy's own (main) selector never matches remote endpoints. [SEL5]
 */
import { z } from "zod";

import type { PolicyObject } from "../source/source.ts";

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

const entitySchema = z.looseObject({
  selector: z.string().optional(),
  notSelector: z.string().optional(),
  namespaceSelector: z.string().optional(),
  serviceAccounts: z
    .looseObject({ names: z.array(z.string()).optional(), selector: z.string().optional() })
    .optional(),
  ports: z.array(z.union([z.string(), z.number()])).optional(),
  notPorts: z.array(z.union([z.string(), z.number()])).optional(),
});
const calicoRuleSchema = z.looseObject({
  action: z.string(),
  protocol: z.union([z.string(), z.number()]).optional(),
  source: entitySchema.optional(),
  destination: entitySchema.optional(),
});
const calicoSpecSchema = z.looseObject({
  ingress: z.array(calicoRuleSchema).optional(),
  egress: z.array(calicoRuleSchema).optional(),
});
const labelSelectorSchema = z.looseObject({
  matchLabels: z.record(z.string(), z.string()).nullish(),
  matchExpressions: z
    .array(
      z.looseObject({
        key: z.string(),
        operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
        values: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});
const peerSchema = z.looseObject({
  podSelector: labelSelectorSchema.nullish(),
  namespaceSelector: labelSelectorSchema.nullish(),
});
const kubernetesPortSchema = z.looseObject({
  protocol: z.string().nullish(),
  port: z.union([z.string(), z.number()]).nullish(),
});
const kubernetesRuleSchema = z.looseObject({
  from: z.array(peerSchema).nullish(),
  to: z.array(peerSchema).nullish(),
  ports: z.array(kubernetesPortSchema).nullish(),
});
const kubernetesSpecSchema = z.looseObject({
  ingress: z.array(kubernetesRuleSchema).nullish(),
  egress: z.array(kubernetesRuleSchema).nullish(),
});

export type RulesResult =
  | { readonly ok: true; readonly matches: readonly RuleMatch[] }
  | { readonly ok: false; readonly message: string };

export function rulesOf(policy: PolicyObject): RulesResult {
  const isKubernetes = policy.apiVersion.startsWith("networking.k8s.io/");
  const spec = (isKubernetes ? kubernetesSpecSchema : calicoSpecSchema).safeParse(
    policy.spec ?? {},
  );
  if (!spec.success) {
    const issue = spec.error.issues[0];
    return { ok: false, message: `spec.${issue?.path.join(".")}: ${issue?.message}` };
  }
  const namespace = policy.metadata.namespace ?? "";
  const matches = isKubernetes
    ? kubernetesMatches(spec.data as z.infer<typeof kubernetesSpecSchema>, namespace)
    : calicoMatches(
        spec.data as z.infer<typeof calicoSpecSchema>,
        policy.kind === "NetworkPolicy" ? namespace : "",
      );
  return { ok: true, matches };
}

function calicoMatches(spec: z.infer<typeof calicoSpecSchema>, namespace: string): RuleMatch[] {
  return (["ingress", "egress"] as const).flatMap((direction) =>
    (spec[direction] ?? []).flatMap((rule, index) =>
      (["source", "destination"] as const).flatMap((side) => {
        const entity = rule[side];
        if (entity === undefined) return [];
        return entityMatches(
          { direction, rule: index, action: rule.action, side },
          entity,
          namespace,
          protocolName(rule.protocol),
        );
      }),
    ),
  );
}

/**
 * The sets of one side of a rule, as Felix's rule scanner divides them: a negated selector beside a positive one is joined to it; a named port is a set of
 * its own, narrowed by the selector, which then needs no set itself unless numeric ports stand beside. Source: calico v3.32.1 felix/calc/rule_scanner.go;
 * proven by recorded IP sets.
 */
function entityMatches(
  place: Pick<RuleMatch, "direction" | "rule" | "action" | "side">,
  entity: z.infer<typeof entitySchema>,
  namespace: string,
  protocol: string,
): RuleMatch[] {
  const own = entitySelector(entity, namespace);
  const not = entity.notSelector ?? "";
  const joined = own === "" || not === "" ? own : `(${own}) && (!(${not}))`;
  const names = (entity.ports ?? []).filter(isNamedPort);
  const hasNumbers = (entity.ports ?? []).some((port) => !isNamedPort(port));
  const selector = joined === "" ? "all()" : joined;
  const portSet = (isNegated: boolean) => (name: string) => ({
    ...place,
    isNegated,
    selector,
    namedPorts: [{ name, protocol }],
  });
  return [
    ...(joined !== "" && (names.length === 0 || hasNumbers)
      ? [{ ...place, isNegated: false, selector, namedPorts: [] }]
      : []),
    ...names.map(portSet(false)),
    ...(own === "" && not !== ""
      ? [{ ...place, isNegated: true, selector: not, namedPorts: [] }]
      : []),
    ...(entity.notPorts ?? []).filter(isNamedPort).map(portSet(true)),
  ];
}

function isNamedPort(port: string | number): port is string {
  return typeof port === "string" && !/^\d+(:\d+)?$/.test(port);
}

const PROTOCOL_NUMBERS: Readonly<Record<string, string>> = { 6: "tcp", 17: "udp", 132: "sctp" };

function protocolName(protocol: string | number | null | undefined): string {
  if (protocol === undefined || protocol === null) return "any";
  const text = String(protocol).toLowerCase();
  return PROTOCOL_NUMBERS[text] ?? text;
}

function entitySelector(entity: z.infer<typeof entitySchema>, namespace: string): string {
  const { selector = "", notSelector = "", namespaceSelector = "", serviceAccounts } = entity;
  const accounts = [
    (serviceAccounts?.names ?? []).length > 0
      ? `projectcalico.org/serviceaccount in { ${(serviceAccounts?.names ?? []).map((name) => `'${name}'`).join(", ")} }`
      : "",
    prefixLabels(serviceAccounts?.selector ?? "", "pcsa."),
  ].filter((part) => part !== "");
  const namespaces =
    namespaceSelector !== ""
      ? // `all()` and `global()` speak of namespaces here, and would match every endpoint there.
        prefixLabels(namespaceSelector, "pcns.")
          .replaceAll("all()", "has(projectcalico.org/namespace)")
          .replaceAll("global()", "!has(projectcalico.org/namespace)")
      : namespace !== "" && (selector !== "" || notSelector !== "" || accounts.length > 0)
        ? `projectcalico.org/namespace == '${namespace}'`
        : "";
  return join([namespaces, ...accounts, selector].filter((part) => part !== ""));
}

function join(parts: readonly string[]): string {
  return parts.length > 1 ? parts.map((part) => `(${part})`).join(" && ") : (parts[0] ?? "");
}

/** Puts a prefix before every label name of a selector, outside quotes. */
function prefixLabels(selector: string, prefix: string): string {
  return selector.replaceAll(
    /"[^"]*"|'[^']*'|has\(\s*[A-Za-z0-9_./-]+\s*\)|(?:all|global)\(\s*\)|[A-Za-z0-9_./-]+(?=\s*(?:==|!=|\b(?:not\s*in|in|contains|starts\s*with|ends\s*with)\b))/g,
    (part) => {
      if (/^["']/.test(part) || /^(all|global)\(/.test(part)) return part;
      const has = /^has\(\s*(.+?)\s*\)$/.exec(part)?.[1];
      return has === undefined ? prefix + part : `has(${prefix}${has})`;
    },
  );
}

function kubernetesMatches(
  spec: z.infer<typeof kubernetesSpecSchema>,
  namespace: string,
): RuleMatch[] {
  return (["ingress", "egress"] as const).flatMap((direction) =>
    (spec[direction] ?? []).flatMap((rule, index) => {
      const side: RuleMatch["side"] = direction === "ingress" ? "source" : "destination";
      const namedPorts = (rule.ports ?? [])
        .filter(({ port }) => typeof port === "string" && isNamedPort(port))
        .map((port) => ({
          name: String(port.port),
          protocol: (port.protocol ?? "TCP").toLowerCase(),
        }));
      const hasOthers = (rule.ports ?? []).length > namedPorts.length;
      const place = { direction, rule: index, action: "Allow", isNegated: false };
      const peers = (rule[direction === "ingress" ? "from" : "to"] ?? [])
        .filter((peer) => peer.podSelector != null || peer.namespaceSelector != null)
        .map((peer) => peerSelector(peer, namespace));
      const ports = (selector: string): RuleMatch[] =>
        namedPorts.map((port) => ({
          ...place,
          side: "destination",
          selector,
          namedPorts: [port],
        }));
      // An ingress rule's ports are those of its own pods: sets that no selector of a peer narrows.
      if (direction === "ingress")
        return [
          ...peers.map((selector) => ({ ...place, side, selector, namedPorts: [] })),
          ...ports("all()"),
        ];
      if (peers.length === 0) return (rule.to ?? []).length > 0 ? [] : ports("all()");
      return peers.flatMap((selector) => [
        ...(namedPorts.length === 0 || hasOthers
          ? [{ ...place, side, selector, namedPorts: [] }]
          : []),
        ...ports(selector),
      ]);
    }),
  );
}

function peerSelector(peer: z.infer<typeof peerSchema>, namespace: string): string {
  const pods = ["projectcalico.org/orchestrator == 'k8s'", ...terms(peer.podSelector ?? {})];
  const namespaces =
    peer.namespaceSelector == null
      ? `projectcalico.org/namespace == '${namespace}'`
      : terms(peer.namespaceSelector, "pcns.").join(" && ") || "has(projectcalico.org/namespace)";
  return join([namespaces, pods.join(" && ")]);
}

function terms(selector: z.infer<typeof labelSelectorSchema>, prefix = ""): string[] {
  const labels = Object.entries(selector.matchLabels ?? {}).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    const set = `{ ${(values ?? []).map((value) => `'${value}'`).join(", ")} }`;
    switch (operator) {
      case "In":
        return `${prefix}${key} in ${set}`;
      case "NotIn":
        return `${prefix}${key} not in ${set}`;
      case "Exists":
        return `has(${prefix}${key})`;
      case "DoesNotExist":
        return `! has(${prefix}${key})`;
    }
  });
  return [...labels.map(([key, value]) => `${prefix}${key} == '${value}'`), ...expressions];
}
