/** Addresses that two clusters have in a range that they share. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { SharedAddresses } from "../../../relay/view/shared-addresses.ts";
import { OwnAddresses } from "../../../relay/view/served.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { WorkloadEndpoint } from "../../../shared/record/record.ts";
import { node, pod, pool } from "../../support/records.ts";

const SHARED = ["10.0.0.0/16"];
const change = (rcc: string, op: "put" | "delete", record: WorkloadEndpoint) => ({
  rcc,
  op,
  held: { key: keyOf(record), record, revision: 1 },
  isNew: true,
});

test("[VIS33] an address that a remote and the cluster, or two remotes, have is counted for each", () => {
  const shared = new SharedAddresses();
  shared.setRanges(SHARED, () => []);
  shared.onLocal([{ op: "put", record: pod("own", "10.0.0.1") }]);
  shared.onServed([
    change("b", "put", pod("x", "10.0.0.1")),
    change("b", "put", pod("y", "10.0.0.2")),
  ]);
  shared.onServed([
    change("c", "put", pod("x", "10.0.0.2")),
    change("c", "put", pod("z", "10.9.0.1")),
  ]);
  expect([shared.conflictsOf("b"), shared.conflictsOf("c")]).toEqual([2, 1]);
  shared.onServed([change("b", "delete", pod("y", "10.0.0.2"))]);
  expect([shared.conflictsOf("b"), shared.conflictsOf("c")]).toEqual([1, 0]);
  shared.setRanges([], () => []);
  expect(shared.conflictsOf("b")).toBe(0);
});

test("[VIS33] the count is that of all that there is, whenever the ranges come", () => {
  const step = fc.record({
    owner: fc.constantFrom("", "b", "c"),
    name: fc.constantFrom("p", "q", "r"),
    n: fc.nat(4),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), (steps, cut) => {
      const shared = new SharedAddresses();
      const all = new Map<string, { rcc: string | null; record: WorkloadEndpoint }>();
      for (const [i, { owner, name, n }] of steps.entries()) {
        if (i === cut) shared.setRanges(SHARED, () => all.values());
        const record = pod(name, `10.0.0.${n}`);
        const op = n === 0 ? "delete" : "put";
        if (op === "put") all.set(`${owner} ${name}`, { rcc: owner || null, record });
        else all.delete(`${owner} ${name}`);
        if (owner !== "") shared.onServed([change(owner, op, record)]);
        else if (op === "put") shared.onLocal([{ op, record }]);
        else shared.onLocal([{ op, key: keyOf(record), cause: "observed" }]);
      }
      if (cut >= steps.length) shared.setRanges(SHARED, () => all.values());
      const ips = (rcc: string | null): Set<string | undefined> =>
        new Set([...all.values()].flatMap((one) => (one.rcc === rcc ? [one.record.ips[0]] : [])));
      for (const rcc of ["b", "c"]) {
        const others = [null, "b", "c"].filter((other) => other !== rcc);
        const twice = [...ips(rcc)].filter((ip) => others.some((other) => ips(other).has(ip)));
        expect(shared.conflictsOf(rcc)).toBe(twice.length);
      }
    }),
  );
});

test("[VIS33] in a shared range a reader refuses its own nodes' addresses only", () => {
  const own = new OwnAddresses({ pods: ["10.1.0.0/16"], nodes: [], shared: SHARED }, [
    pool("10.0.0.0/16"),
    node("n", { internalIPs: ["10.0.3.4"] }),
  ]);
  expect(own.served(pod("x", "10.0.7.7"))).toEqual({ kind: "all" });
  expect(own.served(pool("10.0.64.0/18"))).toEqual({ kind: "all" });
  expect(own.served(pod("x", "10.0.3.4"))).toMatchObject({ kind: "nothing" });
  expect(own.served(pod("x", "10.1.0.4"))).toMatchObject({ kind: "nothing" });
});

test("[VIE9] an endpoint is served without the addresses that are the cluster's own", () => {
  const own = new OwnAddresses({ pods: ["10.1.0.0/16"], nodes: [] }, []);
  const both = { ...pod("x", ""), ips: ["10.2.0.1", "10.1.0.1"] };
  expect(own.served(both)).toEqual({
    kind: "part",
    record: { ...both, ips: ["10.2.0.1"] },
    reason: "10.1.0.1 is one of this cluster's own addresses",
  });
});
