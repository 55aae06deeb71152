/**
 * Routes between two clusters, in network namespaces: pods reach each other, nothing is lost while
 * relays and hubs restart and modes switch, and what is revoked ends. A real hub and real relays;
 * Felix is the model, with a kernel under it. `node test/overlay/run.ts`. Needs root and Linux.
 * About three minutes. [E2E7]
 */
import assert from "node:assert/strict";

import { Suite } from "../interop/suite.ts";
import { CLUSTERS } from "./clusters.ts";
import { FAMILIES } from "./kernel-plan.ts";
import { Lab } from "./lab.ts";
import { missing } from "./namespaces.ts";
import { checkPaths } from "./path-suite.ts";
import { findNft } from "./nft.ts";
import type { Pong } from "./pod-process.ts";
import { until, untilNotReached, untilReached } from "./until.ts";

const EVERY_MS = 20;
const [A, B] = CLUSTERS.map(({ nodes }) => nodes);
if (A === undefined || B === undefined) throw new Error("two clusters");
/** Each node with the addresses of the other cluster's pods. */
const CROSS = [
  ...A.flatMap(({ name }) => B.flatMap(({ pod }) => pod.map((to) => [name, to] as const))),
  ...B.flatMap(({ name }) => A.flatMap(({ pod }) => pod.map((to) => [name, to] as const))),
];
/** Flows beside every change: each way between the clusters, both families, and within one. */
const WATCHED = [
  ["a1", "10.66.1.10"],
  ["a2", "fd00:66::2:a"],
  ["b1", "10.65.1.10"],
  ["b2", "fd00:65::2:a"],
] as const;
const WITHIN = [
  ["a1", "10.65.2.10"],
  ["b2", "fd00:66::1:a"],
] as const;

const nft = missing() ?? findNft();
if (typeof nft === "string") {
  process.stdout.write(`this machine lacks ${nft}\n0 passed, 1 failed\n`);
  process.exit(1);
}
const suite = new Suite();
const lab = new Lab();
let sent = 0;

/** Packets that were sent meanwhile, each from a port of its own. */
async function under(
  pairs: readonly (readonly [string, string])[],
  body: () => Promise<void>,
): Promise<readonly Pong[]> {
  const flows = pairs.map(([from, to]) => lab.pod(from).flow(to, EVERY_MS));
  await body();
  const pongs = (await Promise.all(flows.map((flow) => flow.stop()))).flat();
  sent += pongs.length;
  return pongs;
}

/** None is lost, and each is seen to come from where it was sent. */
async function nothingLost(
  pairs: readonly (readonly [string, string])[],
  body: () => Promise<void>,
): Promise<void> {
  const pongs = await under(pairs, body);
  const lost = pongs.filter(({ seen }) => seen === null).length;
  assert.equal(lost, 0, `${lost} of ${pongs.length} packets are lost`);
  assert.ok(pongs.length > 0);
  notHidden(pongs);
}

function notHidden(pongs: readonly Pong[]): void {
  const hidden = pongs.find(({ isHidden }) => isHidden);
  assert.equal(hidden, undefined, `a pod saw ${hidden?.seen ?? ""}`);
}

/** Every node has routes to all of the other cluster's blocks, or to none. */
async function untilRouted(isRouted: boolean): Promise<void> {
  for (const [nodes, others] of [
    [A ?? [], B ?? []],
    [B ?? [], A ?? []],
  ] as const)
    for (const { name } of nodes)
      await until(`routes of ${name}: ${isRouted}`, () =>
        others
          .flatMap(({ blocks }) => blocks)
          .every(
            (cidr) =>
              FAMILIES.some((family) => lab.felix(name).state[family].routes.has(cidr)) ===
              isRouted,
          ),
      );
}

async function hiddenPackets(): Promise<number> {
  const all = await Promise.all([...lab.felixes.values()].map((felix) => felix.counters()));
  return all.reduce((sum, { hidden }) => sum + hidden, 0);
}

try {
  await lab.start(nft);
  await suite.check("within a cluster pods reach each other, before any mesh", async () => {
    for (const [from, to] of WITHIN) await untilReached(lab, from, to);
  });
  await suite.check("identity alone gives no routes: nothing gets through", async () => {
    await lab.grant("a", "b");
    await lab.grant("b", "a");
    await lab.askBoth("Disabled");
    await until("pools", () =>
      [...lab.felixes.values()].every(({ state }) => state[4].pools.length === 2),
    );
    for (const [from, to] of WATCHED) assert.equal((await lab.pod(from).ping(to)).seen, null);
  });
  await suite.check("one RCC that is Enabled gives no routes either", async () => {
    await lab.ask("a", "b", "Enabled");
    const { out } = await lab.rig.catwalk("preflight", "--cluster", "a", "--to", "b");
    assert.match(out, /overlayRoutingMode of RCC a in b is Disabled/);
    for (const [from, to] of WATCHED) assert.equal((await lab.pod(from).ping(to)).seen, null);
  });
  await suite.check("both Enabled: all pods reach all, IPv4 and IPv6, borrowed too", async () => {
    await lab.ask("b", "a", "Enabled");
    for (const [from, to] of CROSS) notHidden([await untilReached(lab, from, to)]);
  });
  await suite.check("a node's kernel has the routes that `catwalk routes` plans", async () => {
    const { out } = await lab.rig.catwalk("routes", "--cluster", "a", "-o", "json");
    const planned = (JSON.parse(out) as { items: { destination: string; via: string }[] }).items
      .map(({ destination, via }) => `${destination} ${via}`)
      .toSorted();
    const kernel: string[] = [];
    for (const family of ["-4", "-6"]) {
      const text = await lab.spaces.exec("a1", "ip", [
        "-j",
        family,
        "route",
        "show",
        "proto",
        "80",
      ]);
      for (const { dst, gateway } of JSON.parse(text) as { dst: string; gateway: string }[])
        kernel.push(`${dst.includes("/") ? dst : `${dst}/32`} ${gateway}`);
    }
    const remote = kernel.filter((route) => /^(10\.66\.|fd00:66::)/.test(route));
    assert.deepEqual(remote.toSorted(), planned);
  });
  await suite.check("relays are killed and come back, one after the other: 0 lost", async () => {
    for (const cluster of ["a", "b"])
      await nothingLost([...WATCHED, ...WITHIN], async () => {
        await lab.rig.killRelay(cluster);
        await lab.startRelay(cluster);
        await lab.untilSynced(cluster);
      });
  });
  await suite.check("the hub is killed and comes back: 0 lost", async () => {
    await nothingLost([...WATCHED, ...WITHIN], async () => {
      lab.rig.killWorkerd();
      await lab.untilInSync();
    });
  });
  await suite.check("the hub stops, relays start without it, it comes back: 0 lost", async () => {
    await nothingLost([...WATCHED, ...WITHIN], async () => {
      await lab.rig.stopHub();
      await lab.rig.killRelay("b");
      await lab.startRelay("b");
      await lab.untilSynced("b");
      await lab.rig.startHub();
      await lab.untilInSync();
    });
  });
  await suite.check("a network that carries pods' addresses: modes switch, 0 lost", async () => {
    await lab.setFlat(true);
    await nothingLost([...WATCHED, ...WITHIN], async () => {
      for (const [cluster, remote] of [
        ["a", "b"],
        ["b", "a"],
      ] as const) {
        await lab.ask(cluster, remote, "Disabled");
        await untilRouted(false);
        await lab.ask(cluster, remote, "Enabled");
        await untilRouted(true);
      }
    });
    await lab.setFlat(false);
  });
  await suite.check(
    "a node is replaced, under another address: 0 lost between others",
    async () => {
      const others = WATCHED.filter(([from, to]) => from !== "b1" && !to.startsWith("10.66.1."));
      await nothingLost([...others, ["a1", "10.65.2.10"]], async () => {
        const [, b] = CLUSTERS;
        if (b === undefined) throw new Error("two clusters");
        await lab.moveNode(b, "b1", ["10.6.0.31", "fd00:6::31"]);
        for (const node of ["a1", "a2", "b2"])
          for (const [family, outer] of [
            [4, "10.6.0.31"],
            [6, "fd00:6::31"],
          ] as const)
            await until(`${node} sends to ${outer}`, () =>
              [...lab.felix(node).state[family].fdb.values()].includes(outer),
            );
      });
      for (const [from, to] of CROSS) notHidden([await untilReached(lab, from, to)]);
    },
  );
  await checkPaths(suite, lab, nft);
  await suite.check("no packet's source was hidden, at any time", async () => {
    assert.equal(await hiddenPackets(), 0);
  });
  for (const origin of ["b", "a"])
    await suite.check(`${origin} takes its grant away: the pair's routes go`, async () => {
      const reader = origin === "b" ? "a" : "b";
      const began = Date.now();
      let goneAt = 0;
      const pongs = await under(WATCHED, async () => {
        await lab.revoke(origin, reader);
        await untilRouted(false);
        goneAt = Date.now();
        for (const [from, to] of WATCHED) await untilNotReached(lab, from, to);
      });
      // By the order of what happened: how long it took is told, and depends on the machine.
      const later = pongs.filter(({ sentAt }) => sentAt > goneAt);
      assert.ok(later.length > 0);
      assert.equal(later.filter(({ seen }) => seen !== null).length, 0);
      const answered = pongs.filter(({ seen }) => seen !== null);
      const lastMs = Math.max(0, ...answered.map(({ sentAt }) => sentAt - began));
      process.stdout.write(`     the last packet that came back was sent after ${lastMs} ms\n`);
      await nothingLost(WITHIN, async () => {
        await lab.grant(origin, reader);
        await untilRouted(true);
        for (const [from, to] of CROSS) notHidden([await untilReached(lab, from, to)]);
      });
    });
  await suite.check("no Felix has ended", () => assert.deepEqual(lab.exits, []));
} finally {
  await lab.stop();
}
process.stdout.write(`${sent} packets beside changes\n`);
process.stdout.write(`${suite.passed} passed, ${suite.failed} failed\n`);
process.exit(suite.failed === 0 ? 0 : 1);
