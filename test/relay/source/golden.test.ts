/**
 * The recorded objects through the manifests source, compared key by key with what Calico made of
 * them on a real API server.
 */
import { expect, test } from "vitest";

import { loadGolden } from "./golden-manifests.ts";
import { expectedOf } from "./golden.ts";

for (const [group, file] of [
  ["crd.projectcalico.org/v1", "v1-base.jsonl"],
  ["projectcalico.org/v3", "v3-base.jsonl"],
] as const) {
  test(`[SRC10] objects of ${group} give Calico's own key/values in every published field`, async () => {
    const recorder = await loadGolden(group);
    const [dump, expected] = [recorder.dump(), expectedOf(file)];
    expect([...dump.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
    for (const [key, value] of expected) expect(dump.get(key), key).toEqual(value);
    expect(expected.size).toBeGreaterThan(85);
  });
}

test("[SRC4] every recorded object that Calico drops is told, with object, field and rule", async () => {
  const { problems } = await loadGolden("crd.projectcalico.org/v1");
  expect([...problems.keys()].toSorted()).toEqual([
    "HostEndpoint meta-broken",
    "IPPool vxlan-always",
    "Node node-c.bad",
    "Pod shop/ann-ip-bad",
    "Pod shop/ann-ips-spaces",
    "Pod shop/float-bad-json",
    "Pod shop/float-empty",
    "Pod shop/spoof",
    "Pod shop/spoof-bad-json",
  ]);
  expect(problems.get("Pod shop/ann-ip-bad")).toMatch(
    /^30-pods\.json:\d+: annotation cni\.projectcalico\.org\/podIP: "bogus" is not an IP address/,
  );
});
