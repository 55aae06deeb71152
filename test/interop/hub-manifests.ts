/**
 * `deploy/hub/kubernetes` on a real API server: it takes them, and again; the pods keep to the
 * strictest of Kubernetes' own standards, which the namespace enforces. [DEP10]
 */
import { spawnSync } from "node:child_process";

import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const FOLDER = new URL("../../deploy/hub/kubernetes", import.meta.url).pathname;

/** @returns What kubectl printed, warnings among it. */
function kubectl(kube: KubeServer, ...args: readonly string[]): string {
  const all = ["--kubeconfig", kube.kubeconfig, ...args];
  const { status, stdout, stderr, error } = spawnSync("kubectl", all, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout + stderr;
}

export async function checkHubManifests(suite: Suite, kube: KubeServer): Promise<void> {
  await suite.check(
    "[DEP10] the hub's manifests are taken, within the namespace's standard",
    () => {
      const first = kubectl(kube, "apply", "-k", FOLDER);
      if (first.includes("would violate PodSecurity")) throw new Error(first);
      const again = kubectl(kube, "apply", "-k", FOLDER);
      // kubectl always sends the templates of claims again, because the server adds to them.
      const others = again.split("\n").filter((line) => !line.startsWith("statefulset.apps/"));
      if (/created|configured/.test(others.join("\n"))) throw new Error(again);
      kubectl(kube, "delete", "--timeout=60s", "-k", FOLDER);
    },
  );
}
