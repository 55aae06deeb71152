/** `install --check` and `--diff`, `uninstall`, over an API server that keeps what it is given. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { differences } from "../../../cli/cluster/difference.ts";
import { manifests, objectsOf } from "../../../cli/cluster/manifests.ts";
import { pathOf } from "../../../cli/cluster/object-path.ts";
import {
  addCalico,
  addFelixPod,
  addRelays,
  calicoNodeEnv,
  OURS,
  POLICIES,
  RELAY,
} from "../../support/calico-cluster.ts";
import { catwalkHere } from "../../support/catwalk-here.ts";
import type { Ended } from "../../support/catwalk-command.ts";
import { FakeKubeApi } from "../../support/fake-kube-api.ts";

const CHOICE = [
  "--cluster",
  "app",
  "--hub",
  "https://hub.example.com",
  "--image",
  "r.example/relay:7",
];
let folder = "";
let kubeconfig = "";
let api = new FakeKubeApi();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "catwalk-check-"));
  api = new FakeKubeApi();
  kubeconfig = await api.start(folder);
});

afterEach(() => {
  api.stop();
  rmSync(folder, { recursive: true });
});

function catwalk(...args: readonly string[]): Promise<Ended> {
  return catwalkHere([...args, "--kubeconfig", kubeconfig], { cwd: folder, env: process.env });
}

test("[CLI81] a cluster with all of it lacks nothing", async () => {
  addCalico(api, "manifest");
  addRelays(api, 2);
  const { status, out, err } = await catwalk("install", "--check");
  expect([status, err]).toEqual([0, ""]);
  expect(out).toMatch(/^ok +Calico +3\.30\.2, installed by manifests$/m);
  expect(out).toMatch(/^ok +Typha +kube-system\/calico-typha, 1 ready$/m);
});

const lacks: readonly (readonly [string, (api: FakeKubeApi) => void])[] = [
  [
    "no DaemonSet calico-node",
    (to) => to.objects.delete("/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"),
  ],
  [
    "no Service kube-system/calico-typha: deploy Typha",
    (to) => to.objects.delete("/api/v1/namespaces/kube-system/services/calico-typha"),
  ],
  ["no CRDs of crd.projectcalico.org", (to) => to.objects.set("/apis", { groups: [] })],
  ["it may not list endpointslices", (to) => to.forbidden.add("endpointslices")],
  ["you may not create clusterroles", (to) => to.forbidden.add("clusterroles")],
  [
    "not in namespace catwalk: Secret catwalk-identity",
    (to) => to.objects.delete("/api/v1/namespaces/catwalk/secrets/catwalk-identity"),
  ],
  [
    "catwalk/catwalk-relay is gone",
    (to) => to.objects.delete("/api/v1/namespaces/catwalk/serviceaccounts/catwalk-relay"),
  ],
  ["1 of 2 nodes are ready", (to) => addRelays(to, 1)],
  [
    "relays are in other too",
    (to) =>
      to.objects.set("/apis/apps/v1/namespaces/other/daemonsets/catwalk-relay", {
        metadata: { name: "catwalk-relay", namespace: "other", labels: RELAY },
      }),
  ],
  [
    "taken on nodes by x/y: 5474",
    (to) =>
      to.objects.set("/api/v1/namespaces/x/pods/y", {
        metadata: { name: "y", namespace: "x" },
        spec: { containers: [{ ports: [{ containerPort: 5474 }] }] },
      }),
  ],
];

test.each(lacks)("[CLI81] [CLI100] it says what is missing: %s", async (said, change) => {
  addCalico(api, "manifest");
  addRelays(api, 2);
  change(api);
  const doctor = await catwalk("doctor");
  expect([doctor.status, doctor.err]).toEqual([
    1,
    expect.stringMatching(/^error: 1 of \d findings are errors\n$/),
  ]);
  expect(doctor.out).toMatch(/^error {4}.+: .+\. To do: .+$/m);
  expect(doctor.out.replaceAll(". To do", "")).toContain(said);
  const { status, out, err } = await catwalk("install", "--check");
  expect([status, err]).toEqual([1, "error: 1 missing\n"]);
  expect(out.split("\n").find((line) => line.startsWith("missing"))).toContain(said);
});

test("[CLI81] with the operator Felix's variables need a policy that the server serves, and certificates", async () => {
  addCalico(api, "operator");
  const without = await catwalk("install", "--check");
  expect([without.status, without.out]).toEqual([
    1,
    expect.stringMatching(/^missing +Felix's variables/m),
  ]);
  api.objects.set(`${POLICIES}/v1beta1`, { resources: [{ name: "mutatingadmissionpolicies" }] });
  const { status, out } = await catwalk("install", "--check");
  expect(status).toBe(0);
  expect(out).toMatch(/^ok +Felix's variables +MutatingAdmissionPolicy v1beta1 is served$/m);
  expect(out).toMatch(/^warning +TLS +Felix asks Typha for a certificate/m);
});

test("[CLI100] pods of calico-node that are not as its DaemonSet points them are told", async () => {
  addCalico(api, "manifest");
  addRelays(api, 2);
  const typha = calicoNodeEnv("manifest");
  const told = async (): Promise<readonly [number | null, string | undefined]> => {
    const { status, out } = await catwalk("doctor");
    return [status, /half pointed: .+$/m.exec(out)?.[0]];
  };
  for (const node of ["n1", "n2"]) addFelixPod(api, "manifest", node, typha);
  expect(await told()).toEqual([0, undefined]);
  await catwalk("felix", "point");
  addFelixPod(api, "manifest", "n1", OURS);
  const restart = "To do: kubectl -n kube-system rollout restart daemonset/calico-node";
  expect(await told()).toEqual([
    1,
    `half pointed: 1 of 2 pods look for the relays, and by the DaemonSet 2 are to. ${restart}`,
  ]);
  addFelixPod(api, "manifest", "n2", OURS);
  expect(await told()).toEqual([0, undefined]);
  const path = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node";
  const pointedSet = api.objects.get(path);
  // As `kubectl apply` leaves it: what it does not know of stays.
  addCalico(api, "manifest");
  const { spec } = api.objects.get(path) as { spec: object };
  api.objects.set(path, { ...pointedSet, spec });
  const { out } = await catwalk("doctor");
  expect(out).toMatch(
    /^error {4}Felix's pods: calico-node was pointed .+ again.+\. To do: catwalk felix point/m,
  );
  api.objects.set(path, pointedSet ?? {});
  await catwalk("felix", "unpoint");
  expect((await told())[1]).toContain("2 of 2 pods look for the relays, and by the DaemonSet 0");
});

test("[CLI82] what differs is named by object and field; what a server adds is no difference", async () => {
  const choice = {
    cluster: "app",
    hub: "https://hub.example.com",
    image: "r.example/relay:7",
    typha: "manifest",
    source: "typha",
    components: [],
  } as const;
  for (const object of objectsOf(manifests(choice)))
    api.objects.set(pathOf(object).path, { ...object, status: { of: "the server" } });
  expect(await catwalk("install", "--diff", ...CHOICE)).toEqual({ status: 0, out: "", err: "" });
  api.objects.delete("/apis/rbac.authorization.k8s.io/v1/clusterroles/catwalk-relay");
  const other = await catwalk("install", "--diff", ...CHOICE, "--image", "r.example/relay:8");
  expect(other).toEqual({
    status: 1,
    out: 'ClusterRole catwalk-relay: not there\nDaemonSet catwalk/catwalk-relay: spec.template.spec.containers[0].image is "r.example/relay:7", not "r.example/relay:8"\n',
    err: "error: 2 differences\n",
  });
});

test.each([
  [{ a: 1 }, { a: 1, b: 2 }, []],
  [{ a: {} }, {}, []],
  [{ a: [1, 2] }, { a: [1] }, ["a"]],
  [{ a: [{ b: 1 }] }, { a: [{ b: 2, c: 3 }] }, ["a[0].b"]],
  [{ a: false }, {}, ["a"]],
] as const)("[CLI82] %j in %j", (wanted, actual, paths) => {
  expect(differences(wanted, actual).map(({ path }) => path)).toEqual(paths);
});

test("[CLI83] uninstall lists what is ours, deletes it with --yes, and not under a Felix that needs it", async () => {
  addCalico(api, "manifest");
  const others = [...api.objects.keys()];
  const choice = {
    cluster: "app",
    hub: "https://hub.example.com",
    image: "r.example/relay:7",
    typha: "manifest",
    source: "kubernetes",
    components: ["custom-resources", "export-policy", "services"],
  } as const;
  for (const object of objectsOf(manifests(choice))) api.objects.set(pathOf(object).path, object);
  api.objects.set("/api/v1/namespaces/catwalk/secrets/catwalk-identity", {});
  api.objects.set(`${POLICIES}/v1/mutatingadmissionpolicies/catwalk-felix`, {});
  addFelixPod(api, "manifest", "n1", [
    { name: "FELIX_TYPHAK8SNAMESPACE", value: "catwalk" },
    { name: "FELIX_TYPHAK8SSERVICENAME", value: "catwalk-relay" },
  ]);
  const listed = await catwalk("uninstall");
  expect([listed.status, listed.err]).toEqual([0, "nothing was deleted; --yes does it\n"]);
  const lines = listed.out.trim().split("\n");
  expect(lines).toEqual(
    expect.arrayContaining(["Secret catwalk/catwalk-identity", "ClusterRole catwalk-relay-source"]),
  );
  expect([lines[0], lines.at(-1)]).toEqual([
    "MutatingAdmissionPolicy catwalk-felix",
    "Namespace catwalk",
  ]);
  const held = await catwalk("uninstall", "--yes");
  expect([held.status, held.err]).toEqual([
    1,
    expect.stringContaining("catwalk felix unpoint first"),
  ]);
  expect(api.writes).toEqual([]);
  expect((await catwalk("uninstall", "--yes", "--force")).status).toBe(0);
  api.objects.delete("/api/v1/namespaces/kube-system/pods/calico-node-n1");
  expect([...api.objects.keys()]).toEqual(others);
  expect((await catwalk("uninstall")).err).toBe("nothing of ours is there\n");
  // Another cluster's relay reads this one by it.
  api.objects.set("/apis/rbac.authorization.k8s.io/v1/clusterroles/catwalk-remote", {});
  expect((await catwalk("uninstall")).err).toMatch(
    /^the account catwalk-remote stays: .*: catwalk rbac remote \| kubectl delete -f -\nnothing/,
  );
});
