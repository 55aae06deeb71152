/**
 * `catwalk install --check|--diff`, `felix point|unpoint` and `uninstall` on a real API server: the
 * policy for Calico's operator replaces the two variables in pods as the operator renders them, and
 * in no others. [CLI81..CLI83] [CLI85] [CLI86]
 */
import { isDeepStrictEqual } from "node:util";

import { FELIX_VARIABLES } from "../../cli/cluster/felix-env.ts";
import { startCatwalk } from "../support/catwalk-command.ts";
import { eventually } from "../support/mesh-rig.ts";
import { check, Cluster, environment, run } from "./felix-cluster.ts";
import type { Containers } from "./felix-cluster.ts";
import type { KubeServer } from "./kube-server.ts";
import { checkOperatorUpgrade } from "./operator-upgrade.ts";
import type { Suite } from "./suite.ts";

const CHOICE = [
  "--cluster",
  "app",
  "--hub",
  "https://hub.example.com",
  "--image",
  "registry.example.com/catwalk-relay:1",
];

/** @param kube Without relays and Calico's own workloads, before and afterwards. */
export async function checkFelix(suite: Suite, kube: KubeServer): Promise<void> {
  const cluster = new Cluster(kube);
  try {
    await checkOperator(suite, cluster);
    await checkOperatorUpgrade(suite, cluster);
    await checkManifest(suite, cluster);
    await checkInstalled(suite, cluster);
  } finally {
    cluster.api.close();
  }
}

async function checkOperator(suite: Suite, cluster: Cluster): Promise<void> {
  let before: Containers | null = null;
  await suite.check(
    "[CLI81] --check finds Calico by its operator, and the policy that is served",
    async () => {
      await cluster.namespace("calico-system");
      await cluster.daemonSet("calico-system", "operator");
      before = await cluster.pod("calico-system", "calico-node");
      const { out } = await cluster.catwalk("install", "--check");
      check(/^ok +Calico +3\.30\.2, installed by its operator$/m.test(out), out);
      check(
        /^ok +Felix's variables +MutatingAdmissionPolicy v1(beta1)? is served$/m.test(out),
        out,
      );
      check(/^ok +your rights /m.test(out), out);
      check(/^missing +Typha /m.test(out), out);
    },
  );
  await suite.check(
    "[CLI86] the policy replaces the operator's two variables in calico-node's pods, and nothing else",
    async () => {
      await cluster.succeed("felix", "point", "--force");
      const pod = await eventually(
        () => cluster.pod("calico-system", "calico-node"),
        (made) => environment(made)["FELIX_TYPHAK8SNAMESPACE"] === "catwalk",
      );
      const wanted = { ...environment(before as unknown as Containers), ...FELIX_VARIABLES };
      check(isDeepStrictEqual(environment(pod), wanted), JSON.stringify(environment(pod)));
      check(Object.keys(environment(pod, "other")).length === 0, "another container has them");
      // Pods of others, here and elsewhere.
      for (const [namespace, app] of [
        ["calico-system", "calico-typha"],
        ["default", "calico-node"],
      ] as const) {
        await cluster.namespace(namespace);
        const other = environment(await cluster.pod(namespace, app));
        check(
          other["FELIX_TYPHAK8SNAMESPACE"] === "calico-system",
          `${namespace}/${app} was changed`,
        );
      }
    },
  );
  await suite.check("[CLI86] a policy that errs lets Felix go to Typha", async () => {
    const base = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies/catwalk-felix";
    const policy = (await cluster.api.send("GET", base)) as {
      readonly spec: { readonly matchConditions: readonly object[] };
    };
    const errs = { name: "errs", expression: "object.spec.nodeName.size() / 0 == 1" };
    const conditions = [...policy.spec.matchConditions, errs];
    await cluster.api.send("PATCH", base, { spec: { matchConditions: conditions } });
    await eventually(
      () => cluster.pod("calico-system", "calico-node"),
      (made) => environment(made)["FELIX_TYPHAK8SNAMESPACE"] === "calico-system",
    );
  });
  await suite.check("[CLI86] unpoint takes the policy away", async () => {
    await cluster.succeed("felix", "point", "--force");
    await eventually(
      () => cluster.pod("calico-system", "calico-node"),
      (made) => environment(made)["FELIX_TYPHAK8SNAMESPACE"] === "catwalk",
    );
    await cluster.succeed("felix", "unpoint");
    await eventually(
      () => cluster.pod("calico-system", "calico-node"),
      (made) => isDeepStrictEqual(environment(made), environment(before as unknown as Containers)),
    );
    await cluster.api.send(
      "DELETE",
      "/apis/apps/v1/namespaces/calico-system/daemonsets/calico-node",
    );
  });
}

async function checkManifest(suite: Suite, cluster: Cluster): Promise<void> {
  const { api } = cluster;
  await suite.check(
    "[CLI85] there and back by one command each leaves calico-node as it was",
    async () => {
      await cluster.namespace("kube-system");
      const path = await cluster.daemonSet("kube-system", "manifest");
      const templateOf = async (): Promise<{ readonly spec: Containers["spec"] }> => {
        const { spec } = (await api.send("GET", path)) as {
          readonly spec: { readonly template: { readonly spec: Containers["spec"] } };
        };
        return spec.template;
      };
      const before = await templateOf();
      await cluster.succeed("felix", "point", "--force");
      const there = environment(await templateOf());
      check(there["FELIX_TYPHAK8SSERVICENAME"] === "catwalk-relay", JSON.stringify(there));
      await cluster.succeed("felix", "unpoint");
      check(isDeepStrictEqual(await templateOf(), before), JSON.stringify(await templateOf()));
      await api.send("DELETE", path);
    },
  );
}

async function checkInstalled(suite: Suite, cluster: Cluster): Promise<void> {
  await suite.check(
    "[CLI82] what was applied does not differ; what somebody changes does",
    async () => {
      const { out } = await startCatwalk(["install", ...CHOICE]).ended;
      const applied = await run(
        "kubectl",
        ["--kubeconfig", cluster.kubeconfig, "apply", "-f", "-"],
        out,
      );
      check(applied.status === 0, applied.err);
      await cluster.succeed("install", "--diff", ...CHOICE);
      const { out: found } = await cluster.catwalk("install", "--check");
      check(!found.includes("relay's rights"), found);
      const settings = "/api/v1/namespaces/catwalk/configmaps/catwalk-relay";
      await cluster.api.send("PATCH", settings, {
        data: { CATWALK_HUB: "https://other.example.com" },
      });
      const differs = await cluster.catwalk("install", "--diff", ...CHOICE);
      check(differs.status === 1 && differs.out.includes("data.CATWALK_HUB is"), differs.out);
    },
  );
  await suite.check("[CLI83] uninstall leaves nothing of ours", async () => {
    await cluster.succeed("uninstall", "--yes");
    await eventually(
      () => cluster.succeed("uninstall"),
      ({ out }) => out === "",
    );
    const kinds =
      "namespaces,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingadmissionpolicies,mutatingadmissionpolicybindings";
    const args = ["--kubeconfig", cluster.kubeconfig, "get", kinds, "-o", "name"];
    const left = await run("kubectl", args);
    check(left.status === 0 && !left.out.includes("catwalk"), left.out + left.err);
  });
}
