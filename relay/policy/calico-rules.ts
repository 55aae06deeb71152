/**
 * Rules of Calico policies: a rule's selector, namespace selector and service accounts become one
 * selector over labels, own and inherited. Source: calico v3.32.1
 * libcalico-go/lib/backend/syncersv1/updateprocessors/rules.go.
 */
import { z } from "zod";

import { formatSelector, mapLeaves } from "../../shared/selector/ast.ts";
import type { Selector } from "../../shared/selector/ast.ts";
import { parseSelector } from "../../shared/selector/parse.ts";
import { isNamedPort, joinSelectors } from "./rule-match.ts";
import type { RuleMatch } from "./rule-match.ts";

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
export const calicoSpecSchema = z.looseObject({
  selector: z.string().optional(),
  namespaceSelector: z.string().optional(),
  serviceAccountSelector: z.string().optional(),
  ingress: z.array(calicoRuleSchema).optional(),
  egress: z.array(calicoRuleSchema).optional(),
});
type CalicoSpec = z.infer<typeof calicoSpecSchema>;

/** What is wrong in a rule, with the field. */
export class RuleProblem extends Error {}

/**
 * To whom the policy applies. Calico drops a policy where this does not parse: none of its rules is
 * there.
 */
export function brokenMainSelector(spec: CalicoSpec): string | null {
  for (const field of ["selector", "namespaceSelector", "serviceAccountSelector"] as const) {
    const parsed = parseSelector(spec[field] ?? "");
    if (!parsed.ok)
      return `spec.${field}: ${parsed.error}; Calico drops the whole policy for it, and no rule of it holds anything`;
  }
  return null;
}

/** Sets that are not worked out, each with its place: the endpoints of a service. */
export function servicesOf(spec: CalicoSpec): string[] {
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

/**
 * The sets of a Calico policy's rules.
 * @param namespace Of the policy; empty for a global one.
 * @throws RuleProblem
 */
export function calicoMatches(spec: CalicoSpec, namespace: string): RuleMatch[] {
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
 * The sets of one side of a rule, as Felix's rule scanner divides them: a negated selector beside a
 * positive one is joined to it; a named port is a set of its own, narrowed by the selector, which
 * then needs no set itself unless numeric ports stand beside. Source: calico v3.32.1
 * felix/calc/rule_scanner.go; proven by recorded IP sets.
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
  return joinSelectors([namespaces, ...accounts, selector].filter((part) => part !== ""));
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
