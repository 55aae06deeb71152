/**
 * Findings about a cluster by its own API server: what its relays lack, and where its Felixes look.
 * [CLI100]
 */
import { findingsOf } from "../../cluster/findings.ts";
import type { ClusterFacts } from "../../cluster/findings.ts";
import { KubeApi } from "../../cluster/kube-api.ts";
import { readFacts } from "../../cluster/read-facts.ts";
import { error, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** @throws KubeProblem, FieldProblem */
export async function examineKubernetes(kubeconfig: string): Promise<readonly Finding[]> {
  return findingsOfKubernetes(await readFacts(KubeApi.open(kubeconfig)));
}

/** The worst first. */
export function findingsOfKubernetes(facts: ClusterFacts): readonly Finding[] {
  const found = findingsOf(facts).flatMap(({ what, state, words, todo }) =>
    todo === null ? [] : [(state === "missing" ? error : warning)([], what, words, todo)],
  );
  return [
    ...found.filter(({ level }) => level === "error"),
    ...found.filter(({ level }) => level !== "error"),
  ];
}
