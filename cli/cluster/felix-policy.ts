/**
 * Where Calico's operator writes `calico-node` and puts back what others change: a
 * MutatingAdmissionPolicy that replaces the two variables in each of its pods as it is made. It
 * fails open, so that without it, or when it errs, Felix goes to Typha. [CLI86]
 */
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { CALICO_NODE, FELIX_VARIABLES } from "./felix-env.ts";

export const POLICY_NAME = "catwalk-felix";
export const GROUP = "admissionregistration.k8s.io";
/** Newest first: the first that the server serves is used. */
export const POLICY_VERSIONS = ["v1", "v1beta1", "v1alpha1"] as const;
export type PolicyVersion = (typeof POLICY_VERSIONS)[number];

/** @param namespace Of calico-node. @returns Policy and binding, in the order of creation. */
export function felixPolicy(version: PolicyVersion, namespace: string): readonly JsonObject[] {
  const apiVersion = `${GROUP}/${version}`;
  const env = Object.entries(FELIX_VARIABLES).map(
    ([name, value]) =>
      `Object.spec.containers.env{name: ${JSON.stringify(name)}, value: ${JSON.stringify(value)}}`,
  );
  const names = JSON.stringify(Object.keys(FELIX_VARIABLES));
  const expression = `Object{spec: Object.spec{containers: [Object.spec.containers{name: ${JSON.stringify(CALICO_NODE)}, env: [${env.join(", ")}]}]}}`;
  return [
    {
      apiVersion,
      kind: "MutatingAdmissionPolicy",
      metadata: { name: POLICY_NAME },
      spec: {
        failurePolicy: "Ignore",
        reinvocationPolicy: "Never",
        matchConstraints: {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          resourceRules: [
            {
              apiGroups: [""],
              apiVersions: ["v1"],
              operations: ["CREATE"],
              resources: ["pods"],
              scope: "Namespaced",
            },
          ],
        },
        matchConditions: [
          {
            name: "calico-node",
            expression: `has(object.metadata.labels) && "k8s-app" in object.metadata.labels && object.metadata.labels["k8s-app"] == ${JSON.stringify(CALICO_NODE)} && object.spec.containers.exists(c, c.name == ${JSON.stringify(CALICO_NODE)})`,
          },
          {
            // Replaced, it would have a value and be from elsewhere, and no pod may.
            name: "given-by-value",
            expression: `object.spec.containers.all(c, !has(c.env) || c.env.all(e, !(e.name in ${names}) || !has(e.valueFrom)))`,
          },
        ],
        mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
      },
    },
    {
      apiVersion,
      kind: "MutatingAdmissionPolicyBinding",
      metadata: { name: POLICY_NAME },
      spec: { policyName: POLICY_NAME },
    },
  ];
}
