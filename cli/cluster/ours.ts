/** What of Catwalk is in a cluster. [CLI83] */
import { felixPolicy, POLICY_VERSIONS } from "./felix-policy.ts";
import { NAMESPACES } from "./calico.ts";
import type { KubeApi } from "./kube-api.ts";
import { everythingOfOurs } from "./manifests.ts";
import { pathOf } from "./object-path.ts";
import type { ObjectPath } from "./object-path.ts";

const IDENTITY = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "catwalk-identity", namespace: "catwalk" },
};

/** In the order of deletion: what steers Felix first, the namespace last. @throws KubeProblem */
export async function findOurs(api: KubeApi): Promise<readonly ObjectPath[]> {
  const policies = POLICY_VERSIONS.map((version) =>
    felixPolicy(version, NAMESPACES.operator).toReversed(),
  );
  const candidates = [...policies.flat(), IDENTITY, ...everythingOfOurs()];
  const found = new Map<string, ObjectPath>();
  for (const object of candidates) {
    const at = pathOf(object);
    // Versions of one object, and manifests that name it twice.
    if (!found.has(at.title) && (await api.get(at.path)) !== null) found.set(at.title, at);
  }
  return [...found.values()];
}
