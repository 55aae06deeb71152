import { expect, test } from "vitest";

import { populatedWorld, TestPublisher } from "../../support/origin-peers.ts";
import { facts, OriginWorld } from "../../support/origin-world.ts";
import { address, pod, pool, putOf } from "../../support/records.ts";

test("[LOG8] what is refused is quarantined with its rule, is not sent to readers, and is not published again", () => {
  const { world, publisher, reader } = populatedWorld(1);
  publisher.change(putOf(pod("stray", "192.168.7.7")));
  expect(reader.ips()).toEqual([address(0)]);
  expect(world.origin.quarantine(10)).toMatchObject([
    { rule: "outside-pod-ranges", message: "192.168.7.7 is outside the cluster's pod ranges" },
  ]);
  world.disconnect(publisher.socket);
  publisher.sent.length = 0;
  publisher.connect();
  expect(publisher.sent.filter((message) => message.type === "publish")).toEqual([]);
  expect(publisher.publisher.status().phase).toBe("reconciled");
});

test("[ADM9] a quarantined record is judged again when ranges change, and published then", () => {
  const { world, publisher, reader } = populatedWorld(1);
  publisher.change(putOf(pod("early", "10.30.0.1")));
  expect(reader.ips()).not.toContain("10.30.0.1");
  world.push(
    facts({ accessVersion: 2, ranges: { pods: ["10.20.0.0/16", "10.30.0.0/16"], nodes: [] } }),
  );
  world.advance(1_000);
  expect(reader.ips()).toContain("10.30.0.1");
  expect(world.origin.quarantine(10)).toEqual([]);
  expect(reader.isInSync).toBe(true);
});

test("[LOG14] an instance that ends in the middle of judging again leaves the rest to the next one, which does it once", () => {
  const { world, publisher, reader } = populatedWorld(1);
  const early = Array.from({ length: 700 }, (_, n) => pod(`e${n}`, `10.30.${n >> 8}.${n & 255}`));
  publisher.change(...early.map((record) => putOf(record)));
  publisher.change(putOf(pod("stray", "192.168.7.7")));
  world.advance(1_000);
  expect(world.origin.status().quarantined).toBe(701);
  world.facts = facts({
    accessVersion: 2,
    ranges: { pods: ["10.20.0.0/16", "10.30.0.0/16"], nodes: [] },
  });
  world.origin.onFacts(world.facts);
  expect(world.origin.status().quarantined).toBeGreaterThan(400);
  world.crash();
  reader.connect();
  world.advance(1_000);
  expect(world.origin.status().quarantined).toBe(1);
  expect(reader.ips()).toHaveLength(701);
  expect(reader.isInSync).toBe(true);
  // What stays refused is not judged again by every instance.
  let judged = 0;
  world.around = (event, work) => {
    if (event === "timer rejudge") judged++;
    work();
  };
  world.crash();
  reader.connect();
  world.advance(1_000);
  expect(judged).toBe(0);
});

test("[ADM8] an admitted pod that moves out of its ranges leaves the readers at once", () => {
  const { publisher, reader } = populatedWorld(1);
  publisher.change(putOf(pod("p0", "192.168.7.7")));
  expect(reader.ips()).toEqual([]);
  publisher.change(putOf(pod("p0", address(0))));
  expect(reader.ips()).toEqual([address(0)]);
});

test("[ADM3] a pool that nobody has claimed is claimed once", () => {
  const world = new OriginWorld(facts({ ranges: { pods: [], nodes: [] } }));
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")), putOf(pod("a", "10.20.0.1")));
  publisher.listed();
  publisher.connect();
  expect(world.claims).toEqual([{ cidr: "10.20.0.0/16", use: "pods" }]);
  world.push(facts({ accessVersion: 2 }));
  world.advance(1_000);
  expect(world.origin.quarantine(10)).toEqual([]);
});
