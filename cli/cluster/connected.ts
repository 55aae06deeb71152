/**
 * Which nodes' Felixes are connected to a relay, as the relays themselves say. They answer on their
 * nodes' loopback only [CLI60], so that each is asked there, by `kubectl exec`. [CLI87]
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { parseJson } from "../../shared/lib/parse-json.ts";
import { relayStatusSchema } from "../../shared/api/relay.ts";
import { objectAt } from "../../relay/kube/kube-object.ts";
import { RELAY_SERVICE } from "./felix-env.ts";
import type { KubeApi } from "./kube-api.ts";

const TIMEOUT_MS = 30_000;
/** The relay's own program, in its container; the address is of its DaemonSet. */
const ASK = "node catwalk.js relay status --relay http://127.0.0.1:9474 -o json".split(" ");
/** Processes of kubectl at once. */
const AT_ONCE = 8;

export interface Connected {
  readonly nodes: ReadonlySet<string>;
  /** Relays that did not answer, in words. */
  readonly problems: readonly string[];
}

export async function connectedNodes(
  api: KubeApi,
  kubeconfig: string | undefined,
): Promise<Connected> {
  const { namespace, name } = RELAY_SERVICE;
  const selector = encodeURIComponent(`app.kubernetes.io/name=${name}`);
  const pods =
    (await api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`)) ?? [];
  const waiting = pods.map((pod) => String(objectAt(pod, "metadata", "metadata")["name"]));
  const nodes = new Set<string>();
  const problems: string[] = [];
  const work = async (): Promise<void> => {
    for (let pod = waiting.pop(); pod !== undefined; pod = waiting.pop()) {
      const said = await felixesOf(pod, kubeconfig);
      if (typeof said === "string") problems.push(`${pod}: ${said}`);
      else for (const node of said) nodes.add(node);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { nodes, problems };
}

/** @returns Node names; or why the relay could not be asked. */
async function felixesOf(
  pod: string,
  kubeconfig: string | undefined,
): Promise<readonly string[] | string> {
  const args = [
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    `--namespace=${RELAY_SERVICE.namespace}`,
    "exec",
    pod,
    "--",
    ...ASK,
  ];
  try {
    const { stdout } = await promisify(execFile)("kubectl", args, { timeout: TIMEOUT_MS });
    const json = parseJson(stdout);
    const status = relayStatusSchema.safeParse(json.ok ? json.value : null);
    if (!status.success) return "its answer is no status of a relay";
    return status.data.felix ?? "it serves no Felix";
  } catch (error) {
    const { stderr = "", message } = error as {
      readonly stderr?: string;
      readonly message: string;
    };
    return (stderr.trim() || message).split("\n", 1)[0] ?? "";
  }
}
