/**
 * The endpoint selectors of policies' rules, as Calico makes them: a rule's selector, namespace selector and service accounts become one
 * selector over labels, own and inherited. Source: calico v3.32.1 libcalico-go/lib/backend/syncersv1/updateprocessors/rules.go and
 * lib/backend/k8s/conversion. Only who a rule *names* is worked out; a policy's own (main) selector never matches remote endpoints. [SEL5]
 */
import { z } from "zod";

import { formatSelector, mapLeaves } from "../../shared/selector/ast.ts";
import type { Selector } from "../../shared/selector/ast.ts";
import { parseSelector } from "../../shared/selector/parse.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import type { PolicyObject } from "../source/source.ts";
import { policyKindOf } from "../kube/policy-kinds.ts";

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

/** What is wrong in a rule, with the field. */
class RuleProblem extends Error {}

const entitySchema = z.looseObject({
  selector: z.string().optional(),
  notSelector: z.string().optional(),
  namespaceSelector: z.string().optional(),
  serviceAccounts: z
    .looseObject({ names: z.array(z.string()).optional(), selector: z.string().optional() })
    .optional(),
  ports: z.array(z.union([z.string(), z.number()])).optional(),
  notPorts: z.array(z.union([z.string(), z.number()])).optional(),
  services: z
    .looseObject({ name: z.string().optional(), namespace: z.string().optional() })
    .optional(),
});
const calicoRuleSchema = z.looseObject({
  action: z.string(),
  protocol: z.union([z.string(), z.number()]).optional(),
  source: entitySchema.optional(),
  destination: entitySchema.optional(),
});
const calicoSpecSchema = z.looseObject({
  selector: z.string().optional(),
  namespaceSelector: z.string().optional(),
  serviceAccountSelector: z.string().optional(),
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
  | {
      readonly ok: true;
      readonly matches: readonly RuleMatch[];
      /**
       * Sets of its rules that are not worked out, each with its place: the endpoints of a service.
       */
      readonly notCounted: readonly string[];
    }
  | { readonly ok: false; readonly message: string };

/** Total: whatever a policy has that calls itself one. */
export function rulesOf(policy: PolicyObject): RulesResult {
  // A relay of another version may tell anything.
  if (policyKindOf(String(policy.apiVersion), policy.kind)?.use !== "policy")
    return {
      ok: false,
      message: `apiVersion: ${String(policy.apiVersion)} has no ${policy.kind} that is read; projectcalico.org/v3 and networking.k8s.io/v1 have`,
    };
  const isKubernetes = policy.apiVersion === "networking.k8s.io/v1";
  const spec = (isKubernetes ? kubernetesSpecSchema : calicoSpecSchema).safeParse(
    withoutNulls(policy.spec ?? {}),
  );
  if (!spec.success) {
    const [issue] = describeIssues(spec.error.issues);
    return { ok: false, message: `spec.${issue?.field}: ${issue?.rule}` };
  }
  const namespace = policy.metadata.namespace ?? "";
  if (isKubernetes) {
    const rules = spec.data as z.infer<typeof kubernetesSpecSchema>;
    return { ok: true, matches: kubernetesMatches(rules, namespace), notCounted: [] };
  }
  const calico = spec.data as z.infer<typeof calicoSpecSchema>;
  const broken = brokenMainSelector(calico);
  if (broken !== null) return { ok: false, message: broken };
  try {
    const matches = calicoMatches(calico, policy.kind === "NetworkPolicy" ? namespace : "");
    return { ok: true, matches, notCounted: servicesOf(calico) };
  } catch (error) {
    if (error instanceof RuleProblem) return { ok: false, message: error.message };
    throw error;
  }
}

/**
 * To whom the policy applies. Calico drops a policy where this does not parse: none of its rules is
 * there.
 */
function brokenMainSelector(spec: z.infer<typeof calicoSpecSchema>): string | null {
  for (const field of ["selector", "namespaceSelector", "serviceAccountSelector"] as const) {
    const parsed = parseSelector(spec[field] ?? "");
    if (!parsed.ok)
      return `spec.${field}: ${parsed.error}; Calico drops the whole policy for it, and no rule of it holds anything`;
  }
  return null;
}

function servicesOf(spec: z.infer<typeof calicoSpecSchema>): string[] {
  return (["ingress", "egress"] as const).flatMap((direction) =>
    (spec[direction] ?? []).flatMap((rule, index) =>
      (["source", "destination"] as const).flatMap((side) => {
        const service = rule[side]?.services;
        if (service === undefined) return [];
        const name = `${service.namespace === undefined ? "" : `${service.namespace}/`}${service.name ?? ""}`;
        return [`${direction}[${index}] ${side}: the endpoints of service ${name}`];
      }),
    ),
  );
}

/** `null` is an absent field, as an API server and Calico have it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([field, inner]) =>
      inner === null ? [] : [[field, withoutNulls(inner)]],
    ),
  );
}

function calicoMatches(spec: z.infer<typeof calicoSpecSchema>, namespace: string): RuleMatch[] {
  return (["ingress", "egress"] as const).flatMap((direction) =>
    (spec[direction] ?? []).flatMap((rule, index) =>
      (["source", "destination"] as const).flatMap((side) => {
        const entity = rule[side];
        if (entity === undefined) return [];
        const place = { direction, rule: index, action: rule.action, side };
        try {
          return entityMatches(place, entity, namespace, protocolName(rule.protocol));
        } catch (error) {
          if (!(error instanceof RuleProblem)) throw error;
          throw new RuleProblem(`spec.${direction}[${index}].${side}.${error.message}`);
        }
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
    (serviceAccounts?.selector ?? "") === ""
      ? ""
      : withPrefix(serviceAccounts?.selector ?? "", "pcsa.", "serviceAccounts.selector"),
  ].filter((part) => part !== "");
  const namespaces =
    namespaceSelector !== ""
      ? // `all()` and `global()` speak of namespaces here, and would match every endpoint there.
        withPrefix(namespaceSelector, "pcns.", "namespaceSelector")
      : namespace !== "" && (selector !== "" || notSelector !== "" || accounts.length > 0)
        ? `projectcalico.org/namespace == '${namespace}'`
        : "";
  return join([namespaces, ...accounts, selector].filter((part) => part !== ""));
}

function join(parts: readonly string[]): string {
  return parts.length > 1 ? parts.map((part) => `(${part})`).join(" && ") : (parts[0] ?? "");
}

const IN_NAMESPACE: Selector = { op: "has", label: "projectcalico.org/namespace" };

/**
 * A selector of namespaces or service accounts as one of endpoints, which inherit those labels with
 * a prefix.
 * @throws RuleProblem where it does not parse.
 */
function withPrefix(text: string, prefix: "pcns." | "pcsa.", field: string): string {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new RuleProblem(`${field}: ${parsed.error}`);
  return formatSelector(
    mapLeaves(parsed.selector, (leaf) => {
      if (leaf.op !== "all" && leaf.op !== "global") return { ...leaf, label: prefix + leaf.label };
      // Of namespaces these mean any and none; of endpoints both would mean any.
      if (prefix === "pcsa.") return leaf;
      return leaf.op === "all" ? IN_NAMESPACE : { op: "not", operand: IN_NAMESPACE };
    }),
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
