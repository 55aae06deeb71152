import { expect, test } from "vitest";

import { admissionFacts, judge } from "../../../shared/admission/judge.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { node, pod, pool } from "../../support/records.ts";

const facts = admissionFacts({ pods: ["10.20.0.0/16", "fd00:20::/64"], nodes: ["172.18.0.5/32"] }, [
  { cidr: "10.30.0.0/16", use: "pods", reason: "overlaps 10.30.0.0/24 of cluster x" },
]);
const rule = (record: CalicoRecord) => {
  const verdict = judge(record, facts);
  return verdict.admitted ? "admitted" : verdict.rule;
};
const hep = (...ips: string[]): CalicoRecord => ({
  kind: "HostEndpoint",
  node: "n",
  name: "h",
  interfaceName: "",
  ips,
  labels: {},
  profiles: [],
  ports: [],
});
test("[ADM1] every address of a pod lies in the cluster's pod ranges", () => {
  expect(rule(pod("a", "10.20.3.4"))).toBe("admitted");
  expect(rule({ ...pod("a", "10.20.3.4"), ips: ["10.20.3.4", "fd00:20::1"] })).toBe("admitted");
  expect(rule({ ...pod("a", "10.20.3.4"), ips: ["10.20.3.4", "10.21.0.1"] })).toBe(
    "outside-pod-ranges",
  );
  expect(rule(pod("a", "172.18.0.5"))).toBe("outside-pod-ranges");
  expect(rule({ ...pod("a", "10.20.3.4"), ips: [] })).toBe("no-address");
});

test("[ADM2] addresses of host endpoints lie in pod or node ranges; one without addresses is its own", () => {
  expect(rule(hep("172.18.0.5", "10.20.0.0"))).toBe("admitted");
  expect(rule(hep())).toBe("admitted");
  expect(rule(hep("172.18.0.6"))).toBe("outside-ranges");
});

test("[ADM3] a pool outside the ranges is a claim, unless the claim was refused", () => {
  expect(rule(pool("10.20.64.0/18"))).toBe("admitted");
  expect(judge(pool("10.40.0.0/16"), facts)).toMatchObject({
    rule: "unclaimed-range",
    claims: [{ cidr: "10.40.0.0/16", use: "pods" }],
  });
  expect(judge(pool("10.30.0.0/16"), facts)).toMatchObject({
    rule: "outside-pod-ranges",
    message: "pool 10.30.0.0/16: overlaps 10.30.0.0/24 of cluster x",
    claims: [],
  });
});

test("[ADM4] a node's addresses are claimed one by one, its tunnel addresses must be the cluster's", () => {
  expect(
    rule(
      node("n", {
        ipv4Address: "172.18.0.5/16",
        internalIPs: ["172.18.0.5"],
        ipv4VXLANTunnelAddr: "10.20.0.0",
      }),
    ),
  ).toBe("admitted");
  expect(judge(node("n", { internalIPs: ["172.18.0.6"] }), facts)).toMatchObject({
    claims: [{ cidr: "172.18.0.6/32", use: "nodes" }],
  });
  expect(rule(node("n", { internalIPs: ["172.18.0.5"], ipv4VXLANTunnelAddr: "10.99.0.0" }))).toBe(
    "outside-ranges",
  );
});

test("[ADM5] a block lies in the pod ranges", () => {
  expect(rule({ kind: "IPAMBlock", cidr: "10.20.0.0/26", node: "n", borrowed: [] })).toBe(
    "admitted",
  );
  expect(rule({ kind: "IPAMBlock", cidr: "10.99.0.0/26", node: "n", borrowed: [] })).toBe(
    "outside-pod-ranges",
  );
});

test("[ADM6] special addresses are nobody's, whatever the ranges say", () => {
  const everything = admissionFacts({ pods: ["0.0.0.0/0", "::/0"], nodes: [] }, []);
  for (const ip of [
    "0.0.0.0",
    "127.0.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
  ])
    expect([ip, judge(pod("a", ip), everything)]).toMatchObject([ip, { rule: "special-address" }]);
});

test("[ADM10] what a Felix would drop is refused by name, with field and rule", () => {
  const message = (record: CalicoRecord) => {
    const verdict = judge(record, facts);
    return verdict.admitted ? "admitted" : `${verdict.rule}: ${verdict.message}`;
  };
  const profile = (name: string, labels = {}): CalicoRecord => ({ kind: "Profile", name, labels });
  expect(message(profile("ksa.shop.web", { "pcsa.team": "red", "pcns.a.b/c": "" }))).toBe(
    "admitted",
  );
  expect(message(profile("Shop"))).toMatch(
    /^not-for-felix: name Shop must be a lower-case DNS-1123/,
  );
  expect(message(profile(`ksa.shop.${"x".repeat(250)}`))).toMatch(/at most 253 characters$/);
  expect(message(profile("kns.shop", { "a/b/c": "x" }))).toMatch(
    /^not-for-felix: label a\/b\/c must/,
  );
  expect(message(profile("kns.shop", { a: "x".repeat(64) }))).toMatch(/at most 63 characters/);
  expect(message({ ...hep(), interfaceName: "eth0:1" } as CalicoRecord)).toMatch(
    /interfaceName eth0:1/,
  );
  expect(message({ ...hep(), profiles: ["p", "q", "p"] } as CalicoRecord)).toBe(
    "not-for-felix: profiles names p twice",
  );
  expect(message({ ...pod("a", "10.20.3.4"), profiles: ["p", "p"] } as CalicoRecord)).toBe(
    "not-for-felix: profiles names p twice",
  );
  expect(message(node("a..b"))).toMatch(/^not-for-felix: name a\.\.b/);
  // Felix takes any label of an endpoint.
  expect(message({ ...hep(), labels: { a: "b c" } } as CalicoRecord)).toBe("admitted");
  expect(message(pod("a", "10.20.3.4", { a: "b c".repeat(50) }))).toBe("admitted");
});
