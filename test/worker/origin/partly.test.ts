/**
 * Endpoints of which some addresses are admitted, and ranges that become narrower, on a real
 * Origin.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { admissionFacts } from "../../../shared/admission/judge.ts";
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import type { WorkloadEndpoint } from "../../../shared/record/record.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { refusedBy } from "../../../worker/origin/publisher/review-admitted.ts";
import { facts } from "../../support/origin-world.ts";
import { populatedWorld } from "../../support/origin-peers.ts";
import { address, pod, putOf } from "../../support/records.ts";

const OUTSIDE = "10.99.0.1";
const two = (name: string, n: number, other = OUTSIDE): WorkloadEndpoint => ({
  ...pod(name, address(n)),
  ips: [address(n), other],
});
const put = (record: WorkloadEndpoint): EncodedChange => putOf(record);

test("[ADM11] the rest of an endpoint is read, the quarantine names what is left out, and the publisher sends it once", () => {
  const { world, publisher, reader } = populatedWorld(2);
  publisher.change(put(two("odd", 9)));
  world.advance(1_000);
  expect(reader.ips()).toContain(address(9));
  expect(reader.ips()).not.toContain(OUTSIDE);
  expect(reader.isInSync).toBe(true);
  expect(world.origin.quarantine(9)).toMatchObject([
    { rule: "some-addresses", message: expect.stringContaining(OUTSIDE) },
  ]);
  expect(world.origin.status()).toMatchObject({ quarantined: 0, partlyAdmitted: 1 });
  // What was received is the whole: nothing is sent again, also by an Origin that was made anew.
  for (const again of [() => world.evict(), () => world.crash()]) {
    again();
    publisher.connect(publisher.term);
    publisher.listed();
    world.advance(1_000);
    publisher.sent.length = 0;
    publisher.connect(publisher.term);
    world.advance(1_000);
    expect(publisher.sent.filter(({ type }) => type === "publish")).toEqual([]);
    expect(world.origin.status()).toMatchObject({ quarantined: 0, partlyAdmitted: 1 });
  }
});

test("[ADM11] an address that becomes the cluster's is read then, and one that is so no more is not", () => {
  const { world, publisher, reader } = populatedWorld(1);
  publisher.change(put(two("odd", 9)));
  const ranges = { pods: ["10.20.0.0/16", "10.99.0.0/16"], nodes: [] };
  world.push(facts({ accessVersion: 2, ranges }));
  world.advance(1_000);
  expect(reader.ips()).toContain(OUTSIDE);
  expect(world.origin.status()).toMatchObject({ quarantined: 0, partlyAdmitted: 0 });
  world.push(facts({ accessVersion: 3 }));
  world.advance(1_000);
  expect(reader.ips()).not.toContain(OUTSIDE);
  expect(reader.ips()).toContain(address(9));
  expect(world.origin.status()).toMatchObject({ quarantined: 0, partlyAdmitted: 1 });
  expect(reader.isInSync).toBe(true);
});

test("[ADM9] what a narrower range holds no more is quarantined, also where the Origin is made anew in the middle", () => {
  for (const interrupt of [false, true]) {
    const { world, publisher, reader } = populatedWorld(300);
    // Of the addresses 10.20.0.x, 250 are left.
    const narrow = facts({ accessVersion: 2, ranges: { pods: ["10.20.0.0/24"], nodes: [] } });
    if (interrupt) {
      world.facts = narrow;
      world.origin.onFacts(narrow);
      world.crash();
      publisher.connect(publisher.term);
      publisher.listed();
      reader.connect();
    } else world.push(narrow);
    world.advance(5_000);
    expect(reader.ips().filter((ip) => !ip.startsWith("10.20.0."))).toEqual([]);
    expect(reader.ips()).toHaveLength(250);
    expect(world.origin.status().quarantined).toBeGreaterThanOrEqual(50);
    expect(reader.isInSync).toBe(true);
  }
});

test("[VIS35] what a range would take is named beforehand, and nothing changes by asking", () => {
  const { world, reader } = populatedWorld(300);
  const ask = (pods: string[], most: number) => {
    const admission = admissionFacts({ pods, nodes: [] }, []);
    const search = world.origin.read((logs) => refusedBy(logs, admission, most));
    for (let step = search.next(); ; step = search.next())
      if (step.done === true) return step.value;
  };
  expect(ask(["10.20.0.0/16"], 5)).toEqual([]);
  const found = ask(["10.20.0.0/24"], 5);
  expect(found).toHaveLength(5);
  for (const { message } of found)
    expect(message).toMatch(/outside the cluster's pod ranges|waits for the mesh/);
  expect(reader.ips()).toHaveLength(300);
});

test("[ADM11] whatever is published, in whatever order, readers have each address that is the cluster's, and no other", () => {
  const ip = fc.constantFrom(
    address(1),
    address(2),
    address(3),
    "10.99.0.1",
    "10.99.0.2",
    "fe80::1",
  );
  const step = fc.oneof(
    fc.record({
      name: fc.constantFrom("a", "b", "c"),
      ips: fc.uniqueArray(ip, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ name: fc.constantFrom("a", "b", "c"), ips: fc.constant([]) }),
    fc.constantFrom("narrow" as const, "wide" as const, "anew" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
      const { world, publisher, reader } = populatedWorld(0);
      const has = new Map<string, readonly string[]>();
      let isWide = false;
      let version = 1;
      for (const one of steps) {
        if (one === "anew") {
          world.crash();
          publisher.connect(publisher.term);
          publisher.listed();
          reader.connect();
        } else if (one === "narrow" || one === "wide") {
          isWide = one === "wide";
          const pods = ["10.20.0.0/16", ...(isWide ? ["10.99.0.0/16"] : [])];
          world.push(facts({ accessVersion: ++version, ranges: { pods, nodes: [] } }));
        } else {
          const record = { ...pod(one.name, ""), ips: one.ips };
          if (one.ips.length > 0) has.set(one.name, one.ips);
          else has.delete(one.name);
          publisher.change(
            one.ips.length > 0
              ? put(record)
              : { op: "delete", key: keyOf(record), cause: "observed" },
          );
        }
      }
      world.advance(20_000);
      const own = (text: string): boolean =>
        text.startsWith("10.20.") || (isWide && text.startsWith("10.99."));
      const expected = [...has.values()].flatMap((ips) => ips.filter(own));
      expect(reader.ips().toSorted()).toEqual(expected.toSorted());
      expect(reader.isInSync).toBe(true);
      expect(world.failures).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
