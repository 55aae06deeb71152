/**
 * Packets that are lost, one each 20 ms, while something changes: a relay or the hub is killed and
 * comes back, both RCCs switch their mode, a block goes from one node of B to another with the pod
 * that is in it. From the other cluster and within one; and within B where its Felixes are at their
 * own Typha, without us. Needs root and Linux; Felix is the model, with a kernel under it.
 */
import { B_WITH_A_BLOCK_THAT_MOVES as B, CLUSTERS, MOVING } from "../overlay/clusters.ts";
import type { LabCluster } from "../overlay/clusters.ts";
import { Lab } from "../overlay/lab.ts";
import { missing } from "../overlay/namespaces.ts";
import { findNft } from "../overlay/nft.ts";
import { until, untilReached } from "../overlay/until.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const EVERY_MS = 20;
const ROUNDS = 5;
/** A pod's node and another pod's address: both ways between the clusters, and within each. */
const ACROSS = [
  ["a1", "10.66.2.10"],
  ["a2", "fd00:66::1:a"],
  ["b1", "10.65.2.10"],
  ["b2", "fd00:65::1:a"],
] as const;
const WITHIN = [
  ["a1", "10.65.2.10"],
  ["b3", "10.66.1.10"],
] as const;
/** To the pod that moves. */
const TO_MOVED = { across: ["a1", MOVING], within: ["b3", MOVING] } as const;

type Pairs = readonly (readonly [string, string])[];

/** Of each pair, how many. */
async function lostDuring(
  lab: Lab,
  pairs: Pairs,
  body: () => Promise<void>,
): Promise<readonly number[]> {
  const flows = pairs.map(([from, to]) => lab.pod(from).flow(to, EVERY_MS));
  await body();
  const all = await Promise.all(flows.map((flow) => flow.stop()));
  return all.map((pongs) => pongs.filter(({ seen }) => seen === null).length);
}

/** Of all pairs together, from the other cluster and within. */
async function lostOfAll(lab: Lab, body: () => Promise<void>): Promise<readonly [number, number]> {
  const lost = await lostDuring(lab, [...ACROSS, ...WITHIN], body);
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  return [sum(lost.slice(0, ACROSS.length)), sum(lost.slice(ACROSS.length))];
}

async function untilRouted(lab: Lab, isRouted: boolean): Promise<void> {
  for (const [node, cidr] of [
    ["a1", "10.66.1.0/26"],
    ["b1", "10.65.1.0/26"],
  ] as const)
    await until(
      `${node} has a route to ${cidr}: ${isRouted}`,
      () => lab.felix(node).state[4].routes.has(cidr) === isRouted,
    );
}

async function switchModes(lab: Lab): Promise<void> {
  for (const mode of ["Disabled", "Enabled"] as const) {
    await lab.askBoth(mode);
    await untilRouted(lab, mode === "Enabled");
  }
}

async function restartRelay(lab: Lab, cluster: string): Promise<void> {
  await lab.rig.killRelay(cluster);
  await lab.startRelay(cluster);
  await lab.untilSynced(cluster);
}

/** What is killed or switched, and how it comes back. */
const CHANGES: readonly (readonly [string, (lab: Lab) => Promise<void>])[] = [
  ["relay of A restarted", (lab) => restartRelay(lab, "a")],
  ["relay of B restarted", (lab) => restartRelay(lab, "b")],
  [
    "hub restarted",
    async (lab) => {
      lab.rig.killWorkerd();
      await lab.untilInSync();
    },
  ],
];

/** There and back, by turns. */
async function moveBlock(lab: Lab, n: number, pairs: Pairs): Promise<readonly number[]> {
  const [from, to] = n % 2 === 0 ? (["b1", "b2"] as const) : (["b2", "b1"] as const);
  const cidr = B.moving?.cidr ?? "";
  const before: LabCluster = { ...B, moving: { cidr, node: from } };
  const tunnel = B.nodes[to === "b1" ? 0 : 1].tunnel[0];
  const lost = await lostDuring(lab, pairs, async () => {
    await lab.moveBlock(before, to, MOVING);
    for (const [node] of pairs)
      await until(
        `${node} has the route to ${to}`,
        () => lab.felix(node).state[4].routes.get(cidr)?.via === tunnel,
      );
  });
  for (const [node, address] of pairs) await untilReached(lab, node, address);
  return lost;
}

async function* benchMoves(lab: Lab): AsyncGenerator<Figure> {
  const [across, within, alone, beyond]: [number[], number[], number[], number[]] = [
    [],
    [],
    [],
    [],
  ];
  for (const [node, address] of Object.values(TO_MOVED)) await untilReached(lab, node, address);
  // By turns: the machine is not the same a minute later.
  for (let n = 0; n < 2 * ROUNDS; n += 2) {
    const [one = 0, two = 0] = await moveBlock(lab, n, [TO_MOVED.across, TO_MOVED.within]);
    await lab.pointFelixes("b", "typha");
    await untilReached(lab, ...TO_MOVED.within);
    const [three = 0] = await moveBlock(lab, n + 1, [TO_MOVED.within]);
    await lab.pointFelixes("b", "relay");
    for (const [node, address] of Object.values(TO_MOVED)) await untilReached(lab, node, address);
    progress(`from the other cluster ${one}, within ${two}; without us ${three}`);
    across.push(one);
    within.push(two);
    alone.push(three);
    beyond.push(one - three);
  }
  const half = (lost: readonly number[]): number => quantile(lost, 0.5);
  const name = "block moved between nodes, packets lost";
  yield figure(`${name} within its cluster, without us`, half(alone), "packets", null);
  yield figure(`${name} within its cluster`, half(within), "packets", null);
  yield figure(`${name} from the other cluster`, half(across), "packets", null);
  yield figure(`${name} beyond those without us`, half(beyond), "packets", 0);
}

export async function* benchPacketsLost(): AsyncGenerator<Figure> {
  const nft = missing() ?? findNft();
  if (typeof nft === "string") {
    progress(`skipped: this machine lacks ${nft}`);
    return;
  }
  const [a] = CLUSTERS;
  if (a === undefined) throw new Error("two clusters");
  const lab = new Lab([a, B]);
  try {
    await lab.start(nft);
    await lab.grant("a", "b");
    await lab.grant("b", "a");
    await lab.askBoth("Enabled");
    for (const [from, to] of [...ACROSS, ...WITHIN]) await untilReached(lab, from, to);
    for (const [name, change] of CHANGES) {
      const [across, within] = await lostOfAll(lab, () => change(lab));
      yield figure(`${name}, packets lost from the other cluster`, across, "packets", 0);
      yield figure(`${name}, packets lost within a cluster`, within, "packets", 0);
    }
    await lab.setFlat(true);
    const [across, within] = await lostOfAll(lab, () => switchModes(lab));
    yield figure("modes switched, packets lost from the other cluster", across, "packets", 0);
    yield figure("modes switched, packets lost within a cluster", within, "packets", 0);
    await lab.setFlat(false);
    yield* benchMoves(lab);
  } finally {
    await lab.stop();
  }
}
