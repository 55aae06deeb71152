/** Felix pointed at the relays, and back, over an API server that keeps what it is given. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { felixPolicy } from "../../../cli/cluster/felix-policy.ts";
import { BEFORE, pointed, pointedAt, unpointed } from "../../../cli/cluster/felix-env.ts";
import {
  addCalico,
  addFelixPod,
  addRelays,
  calicoNodeEnv,
  OURS,
  calicoNodePod,
  POLICIES,
  RELAY,
} from "../../support/calico-cluster.ts";
import { catwalkHere } from "../../support/catwalk-here.ts";
import type { Ended } from "../../support/catwalk-command.ts";
import { FakeKubeApi } from "../../support/fake-kube-api.ts";

let folder = "";
let kubeconfig = "";
let api = new FakeKubeApi();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "catwalk-felix-"));
  api = new FakeKubeApi();
  kubeconfig = await api.start(folder);
});

afterEach(() => {
  api.stop();
  rmSync(folder, { recursive: true });
});

function catwalk(...args: readonly string[]): Promise<Ended> {
  const PATH = [folder, process.env["PATH"] ?? ""].join(delimiter);
  const all = [...args, "--kubeconfig", kubeconfig];
  return catwalkHere(all, { cwd: folder, env: { ...process.env, PATH } });
}

const [namespaceOnly] = OURS;

test.each([
  ["none", []],
  ["typha", calicoNodeEnv("operator")],
  ["typha", calicoNodeEnv("manifest")],
  ["relay", OURS],
  ["half", [namespaceOnly]],
  ["half", [...OURS.slice(1), { name: "FELIX_TYPHAK8SNAMESPACE", value: "calico-system" }]],
  ["address", [...OURS, { name: "FELIX_TYPHAADDR", value: "10.0.0.1:5473" }]],
] as const)("[CLI85] a Felix looks for: %s", (expected, env) => {
  expect(pointedAt(calicoNodePod("manifest", env as readonly object[]))).toBe(expected);
});

test("[CLI85] there and back leaves the DaemonSet as it was, whatever half a step was before", () => {
  const before = {
    metadata: { name: "calico-node", annotations: { mine: "1" } },
    spec: { template: { spec: calicoNodePod("manifest") } },
  };
  const there = pointed(before) ?? {};
  expect(pointed(there)).toBe(null);
  // Somebody has put one of the two back.
  const half = JSON.parse(JSON.stringify(there).replace('"value":"catwalk-relay"', '"value":"x"'));
  const again = pointed(half as object as Record<string, unknown>) ?? {};
  expect(unpointed(again)).toEqual(before);
  expect(unpointed(before)).toBe(null);
});

test("[CLI85] manifests: one command points calico-node's Felix at the relays, one points it back", async () => {
  const path = addCalico(api, "manifest");
  addRelays(api, 2);
  const before = api.objects.get(path);
  const there = await catwalk("felix", "point");
  expect(there).toMatchObject({
    status: 0,
    out: "kubectl -n kube-system rollout status daemonset/calico-node\n",
  });
  const changed = api.objects.get(path) as never as {
    readonly metadata: {
      readonly annotations: Readonly<Record<string, string>>;
      readonly resourceVersion: string;
    };
    readonly spec: { readonly template: { readonly spec: Readonly<Record<string, unknown>> } };
  };
  expect(pointedAt(changed.spec.template.spec)).toBe("relay");
  expect(changed.metadata.resourceVersion).toBe("7");
  expect(changed.metadata.annotations[BEFORE]).toContain("configMapKeyRef");
  expect((await catwalk("felix", "unpoint")).status).toBe(0);
  expect(api.objects.get(path)).toEqual({
    ...before,
    metadata: { ...(before?.["metadata"] as object), annotations: {} },
  });
  expect((await catwalk("felix", "unpoint")).err).toBe(
    "nothing of ours points Felix at the relays\n",
  );
});

test.each([
  [null, "there is no DaemonSet catwalk/catwalk-relay: catwalk install first"],
  [1, "1 of 2 relays are ready: a Felix without its relay learns nothing new"],
] as const)("[CLI85] with %s ready relays nothing is changed", async (ready, said) => {
  addCalico(api, "manifest");
  if (ready !== null) addRelays(api, ready);
  const { status, err } = await catwalk("felix", "point");
  expect([status, err]).toEqual([1, `error: ${said} (--force does it all the same)\n`]);
  expect(api.writes).toEqual([]);
});

test("[CLI86] operator: a policy that fails open, of the newest version that is served, and without it", async () => {
  addCalico(api, "operator");
  addRelays(api, 2);
  const none = await catwalk("felix", "point", "--force");
  expect([none.status, none.err]).toEqual([
    1,
    expect.stringContaining("serves no MutatingAdmissionPolicy"),
  ]);
  const refused = await catwalk("felix", "point");
  expect(refused.err).toContain("Felix asks Typha for a certificate, and the relays have none");
  api.objects.set(`${POLICIES}/v1beta1`, { resources: [{ name: "mutatingadmissionpolicies" }] });
  const there = await catwalk("felix", "point", "--force");
  expect(there).toMatchObject({
    status: 0,
    out: "kubectl -n calico-system rollout restart daemonset/calico-node\n",
  });
  const base = `${POLICIES}/v1beta1/mutatingadmissionpolic`;
  expect(api.writes).toEqual([`POST ${base}ies`, `POST ${base}ybindings`]);
  expect(api.objects.get(`${base}ies/catwalk-felix`)).toEqual(
    felixPolicy("v1beta1", "calico-system")[0],
  );
  expect(api.objects.get(`${base}ies/catwalk-felix`)).toMatchObject({
    spec: { failurePolicy: "Ignore" },
  });
  expect((await catwalk("felix", "unpoint")).out).toContain("rollout restart");
  expect([...api.objects.keys()].filter((path) => path.includes("catwalk-felix"))).toEqual([]);
});

test("[CLI87] half pointed is told, and a Felix that no relay has", async () => {
  addCalico(api, "manifest");
  addRelays(api, 2);
  addFelixPod(api, "manifest", "n1", OURS);
  addFelixPod(api, "manifest", "n2", calicoNodeEnv("manifest"));
  api.objects.set("/api/v1/namespaces/catwalk/pods/catwalk-relay-x", {
    metadata: { name: "catwalk-relay-x", labels: RELAY },
  });
  const answer = { cluster: "app", mesh: "m", hub: "connected", hubAgeSeconds: 0, message: null };
  const source = { listed: true, records: 0, problems: [] };
  const status = (felix: readonly string[]): string =>
    JSON.stringify({ ...answer, accessVersion: 1, source, publisher: null, remotes: [], felix });
  const kubectl = (felix: readonly string[]): void => {
    const path = join(folder, "kubectl");
    writeFileSync(
      path,
      `#!/bin/sh\ncase "$*" in *" exec catwalk-relay-x -- node catwalk.js relay status "*) echo '${status(felix)}';; *) exit 3;; esac\n`,
    );
    chmodSync(path, 0o755);
  };
  kubectl(["n1"]);
  const half = await catwalk("felix", "status");
  expect(half).toEqual({
    status: 1,
    out: "n1  relay  connected\nn2  typha\n",
    err: "error: half pointed: 1 of 2 nodes' Felix go through a relay\n",
  });
  addFelixPod(api, "manifest", "n2", OURS);
  const lost = await catwalk("felix", "status");
  expect([lost.status, lost.out]).toEqual([
    1,
    "n1  relay  connected\nn2  relay  not connected to any relay\n",
  ]);
  expect((await catwalk("felix", "status", "--no-relays")).status).toBe(0);
  kubectl(["n1", "n2"]);
  expect((await catwalk("felix", "status")).status).toBe(0);
});

test("[CLI88] [CLI100] operator: a policy that is gone is told before the next pod is made, and pods that were made without it", async () => {
  addCalico(api, "operator");
  addRelays(api, 2);
  api.objects.set(`${POLICIES}/v1`, {
    resources: [{ name: "mutatingadmissionpolicies" }, { name: "validatingadmissionpolicies" }],
  });
  const others = calicoNodeEnv("operator").filter(
    (entry) => !JSON.stringify(entry).includes("FELIX_TYPHAK8S"),
  );
  const told = async (): Promise<readonly (string | undefined)[]> => {
    const [status, check, doctor] = [
      await catwalk("felix", "status", "--no-relays"),
      await catwalk("install", "--check"),
      await catwalk("doctor"),
    ];
    return [
      status.err.split("\n").find((line) => line.includes("catwalk-felix")),
      /^missing +Felix's pods +(.+)$/m.exec(check.out)?.[1],
      /^error +Felix's pods: (.+)$/m.exec(doctor.out)?.[1]?.replace(". To do", ""),
    ];
  };
  const all = (words: string): readonly string[] => [words, words, words];
  const nothing = [undefined, undefined, undefined];
  addFelixPod(api, "operator", "n1", calicoNodeEnv("operator"));
  addFelixPod(api, "operator", "n2", calicoNodeEnv("operator"));
  expect(await told()).toEqual(nothing);
  await catwalk("felix", "point", "--force");
  expect(await told()).toEqual(
    all(
      "2 of 2 pods were made without the policy catwalk-felix: kubectl -n calico-system rollout restart daemonset/calico-node",
    ),
  );
  addFelixPod(api, "operator", "n1", [...others, ...OURS]);
  addFelixPod(api, "operator", "n2", [...others, ...OURS]);
  expect(await told()).toEqual(nothing);
  const gone = all(
    "2 of 2 pods look for the relays, and the policy catwalk-felix or its binding is gone, so those made from now on go to Typha: catwalk felix point, or unpoint",
  );
  for (const plural of ["ies", "ybindings"]) {
    api.objects.delete(`${POLICIES}/v1/mutatingadmissionpolic${plural}/catwalk-felix`);
    expect(await told()).toEqual(gone);
    await catwalk("felix", "point", "--force");
    expect(await told()).toEqual(nothing);
  }
  await catwalk("felix", "unpoint");
  expect(await told()).toEqual(gone);
});
