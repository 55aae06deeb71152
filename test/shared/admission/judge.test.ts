import { expect, test } from "vitest";

import { admissionFacts, judge, narrows } from "../../../shared/admission/judge.ts";
import { MAX_REFUSED } from "../../../shared/visibility/own-ranges.ts";
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
test("[ADM1] the addresses of a pod lie in the cluster's pod ranges", () => {
  expect(rule(pod("a", "10.20.3.4"))).toBe("admitted");
  expect(rule({ ...pod("a", "10.20.3.4"), ips: ["10.20.3.4", "fd00:20::1"] })).toBe("admitted");
  expect(rule({ ...pod("a", "10.20.3.4"), ips: ["10.21.0.1", "fd00:21::1"] })).toBe(
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

test("[VIS27] where 256 claims were refused nothing more is claimed: what is outside is refused by name", () => {
  const refused = Array.from({ length: MAX_REFUSED }, (_, n) => ({
    cidr: `10.40.${n}.0/24`,
    use: "pods" as const,
    reason: "taken",
  }));
  const ranges = { pods: ["10.20.0.0/16"], nodes: [] };
  const full = admissionFacts(ranges, refused);
  const nearly = admissionFacts(ranges, refused.slice(1));
  for (const record of [pool("10.50.0.0/16"), node("n", { ipv4Address: "172.18.0.9" })]) {
    expect(judge(record, nearly)).toMatchObject({ rule: "unclaimed-range", claims: [{}] });
    expect(judge(record, full)).toMatchObject({
      message: expect.stringContaining("256 claims of this cluster were refused"),
      claims: [],
    });
  }
  expect(judge(pool("10.20.1.0/24"), full)).toEqual({ admitted: true });
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

test.each([
  ["a second address outside", ["10.20.3.4", "10.21.0.1"], ["10.20.3.4"], "10.21.0.1"],
  ["an IPv6 address outside", ["10.20.3.4", "fd00:21::1"], ["10.20.3.4"], "fd00:21::1"],
  ["a link-local address", ["10.20.3.4", "fe80::1"], ["10.20.3.4"], "fe80::1"],
  ["a node's address", ["172.18.0.5", "10.20.3.4"], ["10.20.3.4"], "172.18.0.5"],
])("[ADM11] %s costs a pod that address, and no more", (_, ips, left, named) => {
  expect(judge({ ...pod("a", "10.20.3.4"), ips }, facts)).toMatchObject({
    admitted: false,
    rule: "some-addresses",
    message: expect.stringContaining(`${named}: not one of`),
    remainder: { ...pod("a", "10.20.3.4"), ips: left },
    claims: [],
  });
});

test("[ADM11] a host endpoint keeps the addresses that are the cluster's; without any it is refused", () => {
  expect(judge(hep("203.0.113.21", "172.18.0.5"), facts)).toMatchObject({
    rule: "some-addresses",
    remainder: hep("172.18.0.5"),
  });
  expect(judge(hep("203.0.113.21", "203.0.113.22"), facts)).toMatchObject({
    rule: "outside-ranges",
    remainder: null,
  });
});

test("[VIS33] pods and nodes may lie in a shared range", () => {
  const shared = admissionFacts({ pods: [], nodes: [], shared: ["10.0.0.0/16"] }, []);
  for (const record of [
    pod("a", "10.0.3.4"),
    hep("10.0.3.5"),
    pool("10.0.64.0/18"),
    node("n", { internalIPs: ["10.0.3.6"] }),
  ])
    expect(judge(record, shared)).toEqual({ admitted: true });
  expect(judge(pod("a", "10.1.3.4"), shared)).toMatchObject({ rule: "outside-pod-ranges" });
});

test("[ADM9] ranges are narrower when an address of before is in none of that use", () => {
  const before = { pods: ["10.0.0.0/16"], nodes: ["192.168.0.0/24"] };
  expect(narrows(undefined, before)).toBe(false);
  expect(narrows(before, before)).toBe(false);
  expect(narrows(before, { pods: ["10.0.0.0/15"], nodes: ["192.168.0.0/24"] })).toBe(false);
  expect(narrows(before, { pods: [], nodes: [], shared: ["10.0.0.0/8", "192.168.0.0/16"] })).toBe(
    false,
  );
  expect(narrows(before, { pods: ["10.0.0.0/17"], nodes: ["192.168.0.0/24"] })).toBe(true);
  expect(narrows(before, { pods: ["10.0.0.0/16"], nodes: [] })).toBe(true);
  // A pod may not lie in a range of nodes.
  expect(narrows(before, { pods: [], nodes: ["10.0.0.0/16", "192.168.0.0/24"] })).toBe(true);
});
