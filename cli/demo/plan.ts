/**
 * What `catwalk up` runs: the clusters, who sees whom, and where each relay's cluster comes from.
 */
import { basename, join } from "node:path";

import { MAX_NAME } from "../../shared/lib/names.ts";

export interface DemoCluster {
  readonly name: string;
  /** Options of the relay that choose its source. */
  readonly sourceArgs: readonly string[];
  /** Of one of them, how another relay reads it. */
  readonly folder?: string;
  readonly kubeconfig?: string;
  /** For people. */
  readonly from: string;
}

export interface DemoPlan {
  readonly mesh: string;
  readonly clusters: readonly DemoCluster[];
  /** The first cluster sees all others. */
  readonly viewer: string;
  readonly policy: { readonly name: string; readonly file: string } | null;
  /** `namespace/name` of a Service of the viewer that the others fill; they show theirs. */
  readonly service: string | null;
}

/** The two folders of YAML of the checkout. */
export function demoPlan(root: string): DemoPlan {
  const folder = (name: string) => join(root, "deploy/demo", name);
  return {
    mesh: "demo",
    clusters: ["app", "db"].map((name) => ({
      name,
      sourceArgs: ["--source", "manifests", "--manifests", folder(name)],
      folder: folder(name),
      from: `deploy/demo/${name}`,
    })),
    viewer: "app",
    policy: { name: "allow-db", file: "deploy/demo/app/policy.yaml" },
    service: "shop/db",
  };
}

/** Real clusters: named after their kubeconfigs, made unique and valid. */
export function kubeconfigPlan(kubeconfigs: readonly string[]): DemoPlan {
  const names: string[] = [];
  for (const path of kubeconfigs) {
    const stem = basename(path).replace(/\.(ya?ml|kubeconfig|conf)$/, "");
    const clean = stem
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, "-")
      .replaceAll(/^-+|-+$/g, "")
      .slice(0, MAX_NAME - 4);
    const base = clean === "" ? "cluster" : clean.replace(/-+$/, "");
    let name = base;
    for (let n = 2; names.includes(name); n++) name = `${base}-${n}`;
    names.push(name);
  }
  return {
    mesh: "demo",
    clusters: names.map((name, i) => ({
      name,
      sourceArgs: ["--source", "kubernetes", "--kubeconfig", kubeconfigs[i] as string],
      kubeconfig: kubeconfigs[i] as string,
      from: kubeconfigs[i] as string,
    })),
    viewer: names[0] as string,
    policy: null,
    service: null,
  };
}
