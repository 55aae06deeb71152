/** The one place that knows which sources there are. */
import { KubernetesSource } from "./kubernetes/kubernetes-source.ts";
import { ManifestsSource } from "./manifests/manifests-source.ts";
import type { Source } from "./source.ts";

export type SourceChoice =
  | {
      readonly kind: "kubernetes";
      /** Absent: `$KUBECONFIG`, `~/.kube/config`, or the pod's own service account. */
      readonly kubeconfig?: string;
    }
  | { readonly kind: "manifests"; readonly folder: string };

/** @param env For `CALICO_API_GROUP`. */
export function openSource(
  choice: SourceChoice,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Source {
  switch (choice.kind) {
    case "kubernetes":
      return new KubernetesSource({
        ...(choice.kubeconfig !== undefined && { kubeconfig: choice.kubeconfig }),
        env,
      });
    case "manifests":
      return new ManifestsSource({ folder: choice.folder });
  }
}
