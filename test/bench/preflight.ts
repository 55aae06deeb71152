/**
 * Preflight of a large mesh: one node changes in one of 512 clusters of 1,000 nodes, and all its
 * pairs are judged again. And the plan of what 100 remotes bring into one subscriber.
 */
import { ClashIndex } from "../../shared/overlay/clash-index.ts";
import { firstFailure } from "../../shared/overlay/preflight.ts";
import { routePlan } from "../../shared/overlay/route-plan.ts";
import type { OverlaySummary, SummaryNode } from "../../shared/overlay/summary.ts";
import { derivedMac } from "../../shared/overlay/vtep.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import { encodeRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { RemoteRoutes } from "../../relay/view/remote-routes.ts";
import { block } from "../support/overlay.ts";
import { node, pool } from "../support/records.ts";
import { figure, median } from "./figure.ts";
import type { Figure } from "./figure.ts";

function summary(cluster: number, nodes: number): OverlaySummary {
  const rows = Array.from({ length: nodes }, (_, n): SummaryNode => {
    const name = `c${cluster}-node-${n}`;
    const at = `${Math.floor(n / 250)}.${(n % 250) + 1}`;
    const address = `172.${16 + (cluster % 16)}.${cluster >> 4}.${(n % 250) + 1}`;
    return [name, address, `10.${cluster % 250}.${at}`, derivedMac(name, 4), "", "", ""];
  });
  const pools = Array.from({ length: 4 }, (_, n) => {
    const [high, low] = [cluster >> 6, (cluster & 63) * 4 + n];
    return { cidr: `10.${high}.${low}.0/24`, mode: "vxlan" } as const;
  });
  return {
    nodes: rows,
    nodeCount: nodes,
    addresses: [],
    pools,
    handMade: [],
    services: [],
    params: {},
  };
}

const CLUSTERS = 512;
const NODES = 1_000;
const CHANGES = 50;

export async function* benchPreflight(): AsyncGenerator<Figure> {
  const index = new ClashIndex();
  const names = Array.from({ length: CLUSTERS }, (_, n) => `c${n}`);
  for (const [n, name] of names.entries()) index.set(name, summary(n, NODES));
  const sides = names.map((name) => ({ name, summary: index.summary(name) }));
  const base = summary(7, NODES);
  let ready = 0;
  const change = (n: number): number => {
    const added: SummaryNode = [`n${n}`, "172.23.0.9", "", derivedMac(`n${n}`, 4), "", "", ""];
    const began = performance.now();
    index.set("c7", { ...base, nodes: [...base.nodes.slice(1), added] });
    const side = { name: "c7", summary: index.summary("c7") };
    for (const other of sides)
      if (
        other.name !== "c7" &&
        firstFailure(side, other, index.clashes("c7", other.name)) === null
      )
        ready++;
    return performance.now() - began;
  };
  // The first one judges ranges that later ones find judged.
  yield figure("preflight/first", change(0), "ms", null);
  const times = Array.from({ length: CHANGES }, (_, n) => change(n + 1));
  yield figure("preflight/one change of 512,000 nodes", median(times), "ms", 2);
  yield figure("preflight/pairs ready", ready / (CHANGES + 1), "pairs", null, false);
}

const REMOTES = 100;

/** What 100 remotes of 100 nodes with 4 blocks each bring into one subscriber. */
export async function* benchPlan(): AsyncGenerator<Figure> {
  const all = Array.from({ length: REMOTES }, (_, r) => remoteRecords(r));
  const began = performance.now();
  const routes = all.reduce((sum, records) => sum + routePlan(records).routes.length, 0);
  yield figure("plan/first", performance.now() - began, "ms", 1_000);
  yield figure("plan/routes", routes, "routes", null, false);
  const fed = feed(all);
  yield figure("plan/first, into a relay's routes", fed.firstMs, "ms", 1_000);
  yield figure("plan/one changed block, in a relay's routes", fed.changeMs, "ms", null);
  const block = all[0]?.at(-1);
  if (block === undefined) throw new Error("BUG: no block");
  const payload = encodePayload([{ op: "put", bytes: encodeRecord(block) }]);
  const frame = encodeMessage({
    type: "frame",
    origin: 0,
    channel: "routing",
    revision: 1_000_000,
    previous: new Uint8Array(16),
    payload,
    settled: { digest: new Uint8Array(32), populated: true, sweep: true },
  });
  yield figure("plan/one changed block on the wire", frame.length, "bytes", 300);
}

function remoteRecords(r: number): CalicoRecord[] {
  const nodes = Array.from({ length: 100 }, (_, n) =>
    node(`r${r}-n${n}`, {
      ipv4Address: `172.16.${r}.${n + 1}/24`,
      ipv4VXLANTunnelAddr: `10.${r}.${n}.0`,
    }),
  );
  const blocks = Array.from({ length: 400 }, (_, n) =>
    block(`10.${r}.${Math.floor(n / 4)}.${(n % 4) * 64}/26`, `r${r}-n${n % 100}`),
  );
  return [pool(`10.${r}.0.0/16`), ...nodes, ...blocks];
}

function feed(all: readonly (readonly CalicoRecord[])[]) {
  const routes = new RemoteRoutes({ after: () => () => {} });
  const serve = (r: number, records: readonly CalicoRecord[]): number => {
    const changes = records.map((record) => ({
      rcc: `r${r}`,
      op: "put" as const,
      isNew: true,
      held: { key: keyOf(record), record, revision: 1 },
    }));
    const began = performance.now();
    routes.onServed(changes);
    return performance.now() - began;
  };
  routes.setOrders(
    all.map((_, r) => ({
      rcc: `r${r}`,
      origin: { uid: `r${r}`, name: `r${r}` },
      state: "granted",
      overlayRoutingMode: "Enabled",
      overlay: { phase: "commit", step: 1, since: r },
    })),
  );
  const firstMs = all.reduce((sum, records, r) => sum + serve(r, records), 0);
  const changes = Array.from({ length: 20 }, (_, n) =>
    serve(5, [block("10.5.0.0/26", `r5-n${n}`)]),
  );
  return { firstMs, changeMs: median(changes) };
}
