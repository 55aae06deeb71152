/**
 * A real API server with the recorded objects: what `catwalk source dump` gives equals what
 * Calico's felix syncer made of them. [SRC10] [SRC60]
 */
import { spawnSync } from "node:child_process";

import {
  expectedOf,
  GOLDEN,
  readKeyValues,
  withoutSystemNamespaces,
} from "../relay/source/golden.ts";
import type { KeyValues } from "../relay/source/golden.ts";
import type { KubeServer } from "./kube-server.ts";
import { mustEqual } from "./suite.ts";
import type { Suite } from "./suite.ts";

const CLI = new URL("../../cli/main.ts", import.meta.url).pathname;

export type Group = "crd.projectcalico.org/v1" | "projectcalico.org/v3";

/** @throws when a command fails; what it says is in the error. */
function run(command: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

export function sourceDump(kubeconfig: string): KeyValues {
  const args = [CLI, "source", "dump", "--source", "kubernetes", "--kubeconfig", kubeconfig];
  return readKeyValues(run(process.execPath, args));
}

/** Calico's kinds. */
export function applyCrds(kube: KubeServer, group: Group): void {
  const crds = run("bash", [`${GOLDEN.pathname}crds.sh`, group]);
  run("kubectl", ["--kubeconfig", kube.kubeconfig, "create", "-f", "-"], crds);
  run("kubectl", [
    "--kubeconfig",
    kube.kubeconfig,
    "wait",
    "--for=condition=Established",
    "--timeout=60s",
    "crd",
    "--all",
  ]);
}

export async function applyFixtures(kube: KubeServer, group: Group): Promise<void> {
  const folder = GOLDEN.pathname;
  applyCrds(kube, group);
  run("bash", [`${folder}make-fixtures.sh`, kube.kubeconfig, group]);
  // The namespace controller empties a terminating namespace, which the recording waited for as
  // well.
  const gone = ["wait", "--for=delete", "serviceaccount/default", "-n", "going", "--timeout=60s"];
  run("kubectl", ["--kubeconfig", kube.kubeconfig, ...gone]);
}

export async function checkGolden(suite: Suite, kube: KubeServer, group: Group): Promise<void> {
  await suite.check(`golden objects in ${group} are stored`, () => applyFixtures(kube, group));
  await suite.check(`source dump of ${group} equals Calico's felix syncer, key by key`, () => {
    const file = group.startsWith("crd.") ? "v1-base.jsonl" : "v3-base.jsonl";
    mustEqual(withoutSystemNamespaces(sourceDump(kube.kubeconfig)), expectedOf(file));
  });
}
