/**
 * Recorded scenarios with routes: the plan of a remote's records, and what the relay makes of them
 * for Felix, against what a real Felix made of the recorded key/values. Compared is what a kernel
 * is told: a route whose node has a tunnel endpoint.
 */
import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { natPool } from "../../relay/felix/felix-values.ts";
import { blockValue, nodeValues } from "../../relay/felix/overlay-values.ts";
import type { FelixText } from "../../relay/felix/overlay-values.ts";
import type { FelixValue } from "../../relay/felix/felix-values.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import { RemoteRoutes } from "../../relay/view/remote-routes.ts";
import { routePlan } from "../../shared/overlay/route-plan.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { LOCAL_RANGES, RCC } from "../fuzz/mesh-path.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { Exit, Outcome } from "../support/felix-model/model.ts";
import { RemoteCluster } from "../support/felix-model/remote-cluster.ts";
import type { RecordedKv } from "../support/felix-model/to-record.ts";

const FOLDER = new URL("../fixtures/golden/felix/scenarios/", import.meta.url);

interface Scenario {
  readonly felixHostname: string;
  readonly steps: readonly {
    readonly name: string;
    readonly kvs: readonly RecordedKv[];
    readonly outcome: Partial<Outcome> & { readonly exit?: Exit };
  }[];
}

const textOf = ({ value }: RecordedKv) =>
  value === null ? null : typeof value === "string" ? value : JSON.stringify(value);
const isLocal = ({ key }: RecordedKv, step: number) =>
  step === 0 || key === "/calico/v1/Ready" || key.startsWith("/calico/v1/config/");

/** destination, node address, tunnel address, MAC. */
type KernelRoute = readonly [string, string, string, string];

/** What a Felix has its kernel send to another cluster. */
function kernelRoutes({ routes = [], vteps = [] }: Partial<Outcome>): KernelRoute[] {
  const byNode = new Map(vteps.map((vtep) => [String(vtep["node"]), vtep]));
  return routes.flatMap((route): KernelRoute[] => {
    const types = String(route["types"]);
    const vtep = byNode.get(String(route["dst_node_name"]));
    const isOf = String(route["dst_node_name"]).startsWith(`${RCC}_`);
    if (vtep === undefined || !isOf || !types.includes("REMOTE_WORKLOAD")) return [];
    if (route["ip_pool_type"] !== "VXLAN") return [];
    const fields = [route["dst"], route["dst_node_ip"], vtep["ipv4_addr"], vtep["mac"]];
    const [destination = "", outer = "", via = "", mac = ""] = fields.map(String);
    return [[destination, outer, via, mac]];
  });
}

function planned(records: readonly CalicoRecord[]): KernelRoute[] {
  return routePlan(records).routes.map(({ destination, outer, via, mac }) => [
    destination,
    outer,
    via,
    mac,
  ]);
}

const sorted = (routes: readonly KernelRoute[]) =>
  routes.toSorted((a, b) => (a.join() < b.join() ? -1 : 1));

/** Key/values of a remote as the relay gives them to Felix. */
function relayed(records: readonly CalicoRecord[]): Map<string, string> {
  const own = new OwnAddresses(LOCAL_RANGES, []);
  const routes = new RemoteRoutes({ after: () => () => {} });
  routes.setOrders([
    {
      rcc: RCC,
      origin: { uid: RCC, name: RCC },
      state: "granted",
      overlayRoutingMode: "Enabled",
      overlay: { phase: "commit", step: 1, since: 1 },
    },
  ]);
  const served = records.filter((record) => own.served(record).kind === "all");
  routes.onServed(
    served.map((record) => ({
      rcc: RCC,
      op: "put",
      isNew: true,
      held: { key: keyOf(record), record, revision: 1 },
    })),
  );
  const values = [...routes.items()].flatMap((item): readonly (FelixValue | FelixText)[] => {
    if (item.kind === "node") return nodeValues(RCC, item.node, item.vteps);
    const value = blockValue(RCC, item.block, item.vteps);
    return value === null ? [] : [value];
  });
  for (const record of served)
    if (record.kind === "IPPool")
      values.push(natPool(record.cidr, routes.isRouted(record.cidr) ? "vxlan" : "none"));
  return new Map(
    values.map((value) => [value.key, "text" in value ? value.text : JSON.stringify(value.value)]),
  );
}

function read(name: string): Scenario {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Scenario;
}

test("[ORA4] [OVL4] [TYP43] with routes, plan and Felix behind the relay have what the recorded Felix had, in every step", () => {
  const scenario = read("overlay.json");
  const remote = new RemoteCluster();
  const local = scenario.steps[0]?.kvs ?? [];
  const settings = new Map<string, unknown>();
  let most = 0;
  for (const [i, step] of scenario.steps.entries()) {
    remote.apply(step.kvs.filter((kv) => !isLocal(kv, i)));
    for (const { key, value } of step.kvs) settings.set(key, value);
    // A node's object and its host's setting are two keys there, and one annotation in a cluster.
    const hasTunnel = (name: string) =>
      typeof settings.get(`/calico/v1/host/${RCC}_${name}/config/IPv4VXLANTunnelAddr`) === "string";
    const records = remote
      .records()
      .map((record) =>
        record.kind === "Node" && !hasTunnel(record.name)
          ? { ...record, ipv4VXLANTunnelAddr: "" }
          : record,
      );
    const felix = new FelixModel(scenario.felixHostname);
    felix.apply(local.map((kv) => ({ key: kv.key, value: textOf(kv) })));
    felix.start();
    felix.apply([...relayed(records)].map(([key, value]) => ({ key, value })));
    const recorded = sorted(kernelRoutes(step.outcome));
    expect(sorted(planned(records)), step.name).toEqual(recorded);
    expect(felix.exit, step.name).toBe(null);
    expect(sorted(kernelRoutes(felix.outcome())), step.name).toEqual(recorded);
    most = Math.max(most, recorded.length);
  }
  expect(most).toBe(3);
});

for (const file of readdirSync(FOLDER).filter((name) => name.startsWith("fact-")))
  test(`[ORA4] with routes, no recorded fact ends a Felix behind the relay, and its routes are the plan's: ${file}`, () => {
    const scenario = read(file);
    const remote = new RemoteCluster();
    const local = scenario.steps[0]?.kvs ?? [];
    const alone = new FelixModel(scenario.felixHostname);
    alone.apply(local.map((kv) => ({ key: kv.key, value: textOf(kv) })));
    const hasVxlan = local.some(({ key, value }) => {
      const mode = typeof value === "object" && value !== null && "vxlan_mode" in value;
      return key.includes("/pool/") && mode && value.vxlan_mode !== "";
    });
    alone.start();
    for (const [i, step] of scenario.steps.entries()) {
      remote.apply(step.kvs.filter((kv) => !isLocal(kv, i)));
      if (!hasVxlan || alone.exit !== null) continue;
      const records = remote.records();
      const felix = new FelixModel(scenario.felixHostname);
      felix.apply(local.map((kv) => ({ key: kv.key, value: textOf(kv) })));
      felix.start();
      felix.apply([...relayed(records)].map(([key, value]) => ({ key, value })));
      expect(felix.exit, step.name).toBe(null);
      expect(sorted(kernelRoutes(felix.outcome())), step.name).toEqual(sorted(planned(records)));
    }
  });
