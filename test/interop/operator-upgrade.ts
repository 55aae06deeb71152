/**
 * What an upgrade by Calico's operator does to a Felix that is pointed at relays, on a real API
 * server. The operator writes `calico-node` anew from what it renders, all of it, and takes back
 * what others changed in it; each pod is made from that. So whatever it renders must come out of
 * the policy with the two variables replaced and nothing else. [CLI86] [CLI88]
 */
import { isDeepStrictEqual } from "node:util";

import { FELIX_VARIABLES } from "../../cli/cluster/felix-env.ts";
import { POLICY_NAME } from "../../cli/cluster/felix-policy.ts";
import { calicoNodeEnv, calicoNodePod } from "../support/calico-cluster.ts";
import { eventually } from "../support/mesh-rig.ts";
import { check, Cluster, environment } from "./felix-cluster.ts";
import type { Containers } from "./felix-cluster.ts";
import type { Suite } from "./suite.ts";

const NAMESPACE = "calico-system";
const POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolic";
const TODAY = calicoNodeEnv("operator");

/** As operators of other versions may render it: [what, environment, more of the pod]. */
const RENDERED: readonly (readonly [what: string, env: readonly object[], more: object])[] = [
  ["in another order", TODAY.toReversed(), {}],
  [
    "with new variables between, some from elsewhere",
    [
      { name: "CLUSTER_TYPE", value: "k8s,operator,bgp" },
      { name: "NODENAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      ...TODAY.slice(0, 2),
      { name: "FELIX_NEWBORN", value: "$(NODENAME)" },
      ...TODAY.slice(2),
      { name: "FELIX_TYPHAREADTIMEOUT", value: "90" },
    ],
    {},
  ],
  [
    "as an init container too, with more containers",
    TODAY,
    { initContainers: [{ name: "install-cni", image: "quay.io/calico/cni:v3.32.1", env: TODAY }] },
  ],
];

/** What the policy cannot replace without making a pod that no API server takes. */
const LEFT_ALONE: readonly (readonly [what: string, env: readonly object[]])[] = [
  [
    "with Typha's namespace from a ConfigMap",
    [
      ...TODAY.filter((entry) => nameOf(entry) !== "FELIX_TYPHAK8SNAMESPACE"),
      {
        name: "FELIX_TYPHAK8SNAMESPACE",
        valueFrom: { configMapKeyRef: { name: "typha", key: "namespace" } },
      },
    ],
  ],
  [
    "with a variable twice",
    [...TODAY, { name: "FELIX_TYPHAK8SSERVICENAME", value: "calico-typha" }],
  ],
];

function nameOf(entry: object): string {
  return "name" in entry ? String(entry.name) : "";
}

function podSpec(env: readonly object[], more: object): object {
  return { ...calicoNodePod("operator", env), ...more };
}

interface Rendered {
  readonly name: string;
  /** In their order: one may name another that stands before it. */
  readonly others: readonly object[];
  /** The two of ours, sorted: the policy may move them. */
  readonly typha: readonly object[];
}

const isOurs = (entry: object): boolean => Object.hasOwn(FELIX_VARIABLES, nameOf(entry));

/** With what the API server fills in left out. */
function without(pod: Containers): readonly Rendered[] {
  return pod.spec.containers.map(({ name, env = [] }) => ({
    name,
    others: env.filter((entry) => !isOurs(entry)),
    typha: env.filter(isOurs).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  }));
}

/** What the policy must make of it. */
function expected(pod: Containers): readonly Rendered[] {
  const ours = Object.entries(FELIX_VARIABLES).map(([name, value]) => ({ name, value }));
  return without(pod).map((one) => (one.name === "calico-node" ? { ...one, typha: ours } : one));
}

/** @param cluster Without a policy of ours, before and afterwards. */
export async function checkOperatorUpgrade(suite: Suite, cluster: Cluster): Promise<void> {
  const path = await cluster.daemonSet(NAMESPACE, "operator");
  const podOf = (spec: object): Promise<Containers> => cluster.pod(NAMESPACE, "calico-node", spec);
  const isPointed = (pod: Containers): boolean =>
    environment(pod)["FELIX_TYPHAK8SSERVICENAME"] === "catwalk-relay";
  for (const [what, env, more] of RENDERED)
    await suite.check(
      `[CLI86] an upgrade that renders calico-node ${what} keeps Felix pointed`,
      async () => {
        const plain = await podOf(podSpec(env, more));
        await cluster.succeed("felix", "point", "--force");
        const made = await eventually(() => podOf(podSpec(env, more)), isPointed);
        const [got, wanted] = [without(made), expected(plain)];
        check(
          isDeepStrictEqual(got, wanted),
          `${JSON.stringify(got)} for ${JSON.stringify(wanted)}`,
        );
        await cluster.succeed("felix", "unpoint");
        await eventually(
          () => podOf(podSpec(env, more)),
          (pod) => !isPointed(pod),
        );
      },
    );
  for (const [what, env] of LEFT_ALONE)
    await suite.check(
      `[CLI86] one that renders it ${what} leaves Felix at Typha, and every pod is made`,
      async () => {
        const plain = await podOf(podSpec(env, {}));
        await cluster.succeed("felix", "point", "--force");
        await eventually(() => podOf(podSpec(TODAY, {})), isPointed);
        const made = await podOf(podSpec(env, {}));
        check(isDeepStrictEqual(without(made), without(plain)), JSON.stringify(without(made)));
        await cluster.succeed("felix", "unpoint");
      },
    );
  await suite.check(
    "[CLI86] the operator's DaemonSet stays as it wrote it: there is nothing for it to take back",
    async () => {
      await cluster.succeed("felix", "point", "--force");
      await eventually(() => podOf(podSpec(TODAY, {})), isPointed);
      const written = (await cluster.api.send("GET", path)) as { spec: { template: object } };
      const template = {
        metadata: { labels: { "k8s-app": "calico-node" } },
        spec: podSpec(TODAY.toReversed(), {}),
      };
      await cluster.api.send("PUT", path, { ...written, spec: { ...written.spec, template } });
      const kept = (await cluster.api.send("GET", path)) as {
        spec: { template: { spec: Containers["spec"] } };
      };
      const found = environment({ spec: kept.spec.template.spec });
      check(found["FELIX_TYPHAK8SSERVICENAME"] === "calico-typha", JSON.stringify(found));
      check(isPointed(await podOf(kept.spec.template.spec)), "a pod of it goes to Typha");
    },
  );
  await suite.check(
    "[CLI86] [CLI88] [CLI100] a policy that is removed by hand leaves Felix at the operator's Typha, is told, and is made again by one command",
    async () => {
      const both = {
        FELIX_TYPHAK8SNAMESPACE: NAMESPACE,
        FELIX_TYPHAK8SSERVICENAME: "calico-typha",
      };
      await makePod(cluster, "pointed");
      await cluster.api.send("DELETE", `${POLICIES}ybindings/${POLICY_NAME}`);
      const made = await eventually(
        () => podOf(podSpec(TODAY, {})),
        (pod) => !isPointed(pod),
      );
      // Never one of each: neither a relay in Typha's set nor a Typha among relays.
      for (const [name, value] of Object.entries(both))
        check(environment(made)[name] === value, JSON.stringify(environment(made)));
      const words =
        "1 of 1 pods look for the relays, and the policy catwalk-felix or its binding is gone";
      const status = await cluster.catwalk("felix", "status", "--no-relays");
      check(status.err.includes(words), status.out + status.err);
      const doctor = await cluster.catwalk("doctor");
      const told = new RegExp(
        `^error +Felix's pods: ${words}, .+\\. To do: catwalk felix point`,
        "m",
      );
      check(told.test(doctor.out), doctor.out + doctor.err);
      await cluster.succeed("felix", "point", "--force");
      await eventually(() => podOf(podSpec(TODAY, {})), isPointed);
      const again = await cluster.catwalk("felix", "status", "--no-relays");
      check(again.status === 0 && again.err === "", again.out + again.err);
    },
  );
  await suite.check(
    "[CLI86] the way back is one command, whatever was upgraded meanwhile",
    async () => {
      await cluster.succeed("felix", "unpoint");
      await eventually(
        () => podOf(podSpec(TODAY.toReversed(), {})),
        (pod) => environment(pod)["FELIX_TYPHAK8SNAMESPACE"] === NAMESPACE,
      );
      const pods = `/api/v1/namespaces/${NAMESPACE}/pods/calico-node-pointed`;
      await cluster.api.send("DELETE", `${pods}?gracePeriodSeconds=0`);
      await cluster.api.send("DELETE", path);
    },
  );
}

/** As the controller makes it of the DaemonSet, through admission. */
async function makePod(cluster: Cluster, node: string): Promise<void> {
  await cluster.api.send("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, {
    metadata: { name: `calico-node-${node}`, labels: { "k8s-app": "calico-node" } },
    spec: {
      ...podSpec(TODAY, {}),
      nodeName: node,
      automountServiceAccountToken: false,
    },
  });
}
