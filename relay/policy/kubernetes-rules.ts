/**
 * Rules of Kubernetes network policies as selectors over Calico's labels. Source: calico v3.32.1
 * libcalico-go/lib/backend/k8s/conversion.
 */
import { z } from "zod";

import { isNamedPort, joinSelectors } from "./rule-match.ts";
import type { RuleMatch } from "./rule-match.ts";

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
export const kubernetesSpecSchema = z.looseObject({
  ingress: z.array(kubernetesRuleSchema).nullish(),
  egress: z.array(kubernetesRuleSchema).nullish(),
});

/** The sets of a policy's rules. @param namespace Of the policy. */
export function kubernetesMatches(
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
  return joinSelectors([namespaces, pods.join(" && ")]);
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
