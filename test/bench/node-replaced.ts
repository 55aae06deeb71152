/**
 * Packets that are lost while a node of cluster B is replaced by another one of its name, under
 * another address, whose kernel and Felix know nothing: from the other cluster, and within B; and
 * within B where its Felixes are at their own Typha, without us. Needs root and Linux; Felix is the
 * model, with a kernel under it.
 */
import { CLUSTERS } from "../overlay/clusters.ts";
import type { LabCluster } from "../overlay/clusters.ts";
import { Lab } from "../overlay/lab.ts";
import { missing } from "../overlay/namespaces.ts";
import { findNft } from "../overlay/nft.ts";
import type { Pong } from "../overlay/pod-process.ts";
import { untilReached } from "../overlay/until.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const EVERY_MS = 20;
const ROUNDS = 5;
/** The pod of the node that is replaced, from the other cluster and from its own. */
const POD = "10.66.1.10";
const FROM = { across: "a1", within: "b2" } as const;

type Where = keyof typeof FROM;

function lostOf(pongs: readonly Pong[]): number {
  return pongs.filter(({ seen }) => seen === null).length;
}

/** Addresses of the nth node of that name. */
function outerOf(n: number): readonly [string, string] {
  return n < 0 ? ["10.6.0.11", "fd00:6::11"] : [`10.6.0.${40 + n}`, `fd00:6::${40 + n}`];
}

/** Cluster B, as it is before the nth replacement. */
function clusterB(n: number): LabCluster {
  const [, b] = CLUSTERS;
  if (b === undefined) throw new Error("two clusters");
  const [first, second] = b.nodes;
  return { ...b, nodes: [{ ...first, outer: outerOf(n - 1) }, second] };
}

/** @param isOurs Whether B's Felixes are at its relay. */
async function replaceNode(lab: Lab, n: number, isOurs: boolean): Promise<Record<Where, number>> {
  const flow = (where: Where) => lab.pod(FROM[where]).flow(POD, EVERY_MS);
  const flows = { across: flow("across"), within: flow("within") };
  await lab.moveNode(clusterB(n), "b1", outerOf(n));
  await lab.felix("b1").replace();
  for (const where of isOurs ? (["across", "within"] as const) : (["within"] as const))
    await untilReached(lab, FROM[where], POD);
  return { across: lostOf(await flows.across.stop()), within: lostOf(await flows.within.stop()) };
}

export async function* benchNodeReplaced(): AsyncGenerator<Figure> {
  const nft = missing() ?? findNft();
  if (typeof nft === "string") {
    progress(`skipped: this machine lacks ${nft}`);
    return;
  }
  const lab = new Lab();
  try {
    await lab.start(nft);
    await lab.grant("a", "b");
    await lab.grant("b", "a");
    await lab.askBoth("Enabled");
    for (const from of Object.values(FROM)) await untilReached(lab, from, POD);
    const [across, within, alone, beyond]: number[][] = [[], [], [], []];
    // By turns: the machine is not the same a minute later.
    for (let n = 0; n < 2 * ROUNDS; n += 2) {
      const lost = await replaceNode(lab, n, true);
      await lab.pointFelixes("b", "typha");
      await untilReached(lab, FROM.within, POD);
      const without = await replaceNode(lab, n + 1, false);
      await lab.pointFelixes("b", "relay");
      for (const from of Object.values(FROM)) await untilReached(lab, from, POD);
      progress(`with us: ${JSON.stringify(lost)}; without us: ${without.within}`);
      across?.push(lost.across);
      within?.push(lost.within);
      alone?.push(without.within);
      beyond?.push(lost.across - without.within);
    }
    const half = (lost: readonly number[] = []): number => quantile(lost, 0.5);
    const name = "node replaced, packets lost";
    yield figure(`${name} within its cluster, without us`, half(alone), "packets", null);
    yield figure(`${name} within its cluster`, half(within), "packets", null);
    yield figure(`${name} from the other cluster`, half(across), "packets", null);
    yield figure(`${name} beyond those without us`, half(beyond), "packets", 0);
  } finally {
    await lab.stop();
  }
}
