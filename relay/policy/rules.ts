/**
 * The endpoint selectors of policies' rules, as Calico makes them. Only whom a rule *names* is
 * worked out; a policy's own (main) selector never matches remote endpoints. [SEL5]
 */
import type { z } from "zod";

import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { policyKindOf } from "../kube/policy-kinds.ts";
import type { PolicyObject } from "../source/source.ts";
import {
  brokenMainSelector,
  calicoMatches,
  calicoSpecSchema,
  RuleProblem,
  servicesOf,
} from "./calico-rules.ts";
import { kubernetesMatches, kubernetesSpecSchema } from "./kubernetes-rules.ts";
import type { RuleMatch } from "./rule-match.ts";

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
  const namespace = policy.metadata.namespace ?? "";
  const written = withoutNulls(policy.spec ?? {});
  if (isKubernetes) {
    const spec = kubernetesSpecSchema.safeParse(written);
    if (!spec.success) return malformed(spec.error);
    return { ok: true, matches: kubernetesMatches(spec.data, namespace), notCounted: [] };
  }
  const spec = calicoSpecSchema.safeParse(written);
  if (!spec.success) return malformed(spec.error);
  const calico = spec.data;
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

function malformed(error: z.ZodError): RulesResult {
  const [issue] = describeIssues(error.issues);
  return { ok: false, message: `spec.${issue?.field}: ${issue?.rule}` };
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
