/** The one place that knows which sources there are. */
import type { ChosenAccess } from "../kube/access/select-access.ts";
import type { EtcdAccess } from "./etcd/etcd-access.ts";
import { EtcdSource } from "./etcd/etcd-source.ts";
import { KubernetesSource } from "./kubernetes/kubernetes-source.ts";
import { ManifestsSource } from "./manifests/manifests-source.ts";
import type { ClusterPolicies, RemoteReading, Source } from "./source.ts";
import type { TyphaUpstream } from "../typha/upstream/upstream.ts";
import { TyphaSource } from "./typha/typha-source.ts";

export type SourceChoice =
  | {
      readonly kind: "kubernetes";
      /** Absent: `$KUBECONFIG`, `~/.kube/config`, or the pod's own service account. */
      readonly kubeconfig?: string;
      /** Instead of a kubeconfig: asked with every request. */
      readonly access?: () => Promise<ChosenAccess>;
      readonly remote?: RemoteReading;
    }
  | {
      readonly kind: "etcd";
      readonly access: () => Promise<EtcdAccess>;
      readonly remote?: RemoteReading;
    }
  | { readonly kind: "manifests"; readonly folder: string }
  | {
      readonly kind: "typha";
      readonly upstream: TyphaUpstream;
      readonly compress: boolean;
      /** Of the API server, for policies and Services. */
      readonly kubeconfig?: string;
    };

/** @param env For `CALICO_API_GROUP`. */
export function openSource(
  choice: SourceChoice,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Source {
  switch (choice.kind) {
    case "kubernetes":
      return new KubernetesSource({
        ...(choice.kubeconfig !== undefined && { kubeconfig: choice.kubeconfig }),
        ...(choice.access !== undefined && { access: choice.access }),
        ...(choice.remote !== undefined && { remote: choice.remote }),
        env,
      });
    case "etcd":
      return new EtcdSource({
        access: choice.access,
        ...(choice.remote !== undefined && { remote: choice.remote }),
      });
    case "manifests":
      return new ManifestsSource({ folder: choice.folder });
    case "typha":
      return new TyphaSource({
        address: choice.upstream.name,
        dial: () => choice.upstream.dial(),
        compress: choice.compress,
        policies: () => policiesOf(choice.kubeconfig, env),
        services: new KubernetesSource({
          ...(choice.kubeconfig !== undefined && { kubeconfig: choice.kubeconfig }),
          onlyServices: true,
          env,
        }),
      });
  }
}

/** Read once, without following anything. */
async function policiesOf(
  kubeconfig: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ClusterPolicies> {
  const source = new KubernetesSource({ ...(kubeconfig !== undefined && { kubeconfig }), env });
  try {
    return await source.policies();
  } finally {
    await source.stop();
  }
}
