import { expect, test } from "vitest";

import { nodeValues } from "../../../relay/felix/overlay-values.ts";
import { OwnAddresses } from "../../../relay/view/served.ts";
import { overlayReport, lacksRoutes } from "../../../relay/view/overlay-report.ts";
import { RemoteRoutes } from "../../../relay/view/remote-routes.ts";
import type { RouteChange } from "../../../relay/view/route-items.ts";
import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import type { Remote } from "../../../shared/visibility/facts.ts";
import type { OverlayPhase } from "../../../shared/visibility/overlay-order.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { block, clusterRecords, tunnelNode } from "../../support/overlay.ts";
import { node, pod, pool } from "../../support/records.ts";

class Rig {
  readonly told: RouteChange[][] = [];
  #after: (() => void)[] = [];
  readonly routes = new RemoteRoutes({
    after: (_, run) => {
      this.#after.push(run);
      return () => (this.#after = this.#after.filter((one) => one !== run));
    },
  });

  constructor() {
    this.routes.subscribe((changes) => void (changes.length > 0 && this.told.push([...changes])));
  }

  serve(rcc: string, records: readonly CalicoRecord[], op: "put" | "delete" = "put"): void {
    this.routes.onServed(
      records.map((record) => ({
        rcc,
        op,
        isNew: true,
        held: { key: keyOf(record), record, revision: 1 },
      })),
    );
  }

  order(...orders: readonly (readonly [string, OverlayPhase])[]): void {
    this.routes.setOrders(orders.map(([rcc, phase], since) => remote(rcc, phase, since)));
  }

  later(): void {
    for (const run of this.#after.splice(0)) run();
  }

  names(): string[] {
    return [...this.routes.items()].map((item) =>
      item.kind === "node" ? `${item.rcc} ${item.node.name}` : `${item.rcc} ${item.block.cidr}`,
    );
  }
}

function remote(rcc: string, phase: OverlayPhase, since = 1): Remote {
  return {
    rcc,
    origin: { uid: rcc, name: rcc },
    state: "granted",
    overlayRoutingMode: "Enabled",
    overlay: { phase, step: 1, since },
  };
}

test("[TYP43] [OVL7] nothing without an order; nodes with prepare, blocks with commit, blocks away with leave", () => {
  const rig = new Rig();
  rig.serve("b", clusterRecords(66, "b"));
  expect(rig.names()).toEqual([]);
  expect(rig.routes.isRouted("10.66.0.0/16")).toBe(false);
  rig.order(["b", "prepare"]);
  expect(rig.names()).toEqual(["b b1", "b b2"]);
  expect(rig.routes.isRouted("10.66.0.0/16")).toBe(true);
  rig.order(["b", "commit"]);
  expect(rig.names()).toEqual(["b b1", "b b2", "b 10.66.1.0/26", "b 10.66.2.0/26"]);
  expect(rig.routes.report("b")).toEqual({ vteps: 2, routes: 3, unrouted: [] });
  rig.order(["b", "leave"]);
  expect(rig.names()).toEqual(["b b1", "b b2"]);
  rig.order();
  expect(rig.names()).toEqual([]);
});

test("[TYP44] routes come behind their nodes and go before them", () => {
  const rig = new Rig();
  rig.order(["b", "commit"]);
  rig.serve("b", clusterRecords(66, "b"));
  const kinds = (changes: readonly RouteChange[] = []) =>
    changes.map(({ before, after }) => (after ?? before)?.kind);
  expect(kinds(rig.told[0])).toEqual(["node", "node", "block", "block"]);
  rig.order();
  expect(kinds(rig.told[1])).toEqual(["block", "block", "node", "node"]);
});

test("[TYP44] a node that loses a family goes with both, and comes back later with the other", () => {
  const v6 = { ipv6Address: "fd00:1::1/64", ipv6VXLANTunnelAddr: "fd00:66::1" };
  const rig = new Rig();
  rig.order(["b", "commit"]);
  rig.serve("b", [pool("10.66.0.0/16"), pool("fd00:66::/64"), tunnelNode(66, "b1", 1, v6)]);
  rig.told.length = 0;
  rig.serve("b", [tunnelNode(66, "b1", 1)]);
  expect(rig.told).toMatchObject([[{ before: { kind: "node" }, after: null }]]);
  expect(rig.names()).toEqual([]);
  rig.later();
  expect(rig.told[1]).toMatchObject([{ before: null, after: { vteps: [{ family: 4 }] } }]);
  // The other way round nothing has to go.
  rig.serve("b", [tunnelNode(66, "b1", 1, v6)]);
  expect(rig.told[2]).toMatchObject([{ after: { vteps: [{ family: 4 }, { family: 6 }] } }]);
});

test("[OVL8] of two remotes with one MAC or tunnel address the first keeps it, whoever comes first here", () => {
  const rig = new Rig();
  rig.order(["b", "commit"], ["c", "commit"]);
  rig.serve("c", clusterRecords(67, "b"));
  expect(rig.names()).toContain("c b1");
  rig.serve("b", clusterRecords(66, "b"));
  expect(rig.names()).toEqual(["b b1", "b b2", "b 10.66.1.0/26", "b 10.66.2.0/26"]);
  expect(rig.routes.report("c").unrouted[0]?.reason).toContain("is that of node b1 already");
  rig.serve("b", [tunnelNode(66, "b1", 1)], "delete");
  expect(rig.names()).toContain("c b1");
});

test("[OVL8] what is the cluster's own is refused again, whatever the hub let through", () => {
  const local = [
    pool("10.65.0.0/16"),
    tunnelNode(65, "a1", 1),
    { kind: "ClusterConfig", params: { ExternalNodesCIDRList: "192.0.99.0/24" } },
  ] as const;
  const own = new OwnAddresses({ pods: [], nodes: [] }, local, ["172.20.0.0/16"]);
  const reason = (record: CalicoRecord) => {
    const served = own.served(record);
    return served.kind === "nothing" ? served.reason : null;
  };
  expect(reason(tunnelNode(66, "b1", 1))).toBe(null);
  expect(reason(block("10.66.0.0/26", "b1"))).toBe(null);
  // A node of the same name has the same MAC.
  expect(reason(tunnelNode(66, "a1", 1))).toContain("is that of one of this cluster's nodes");
  expect(reason(node("b1", { ipv4Address: "192.0.65.1/24" }))).toContain("own addresses");
  expect(reason(tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.65.9.9" }))).toContain("own");
  expect(reason(node("b1", { ipv4Address: "192.0.99.7/24" }))).toContain("externalNodesList");
  expect(reason(block("10.65.9.0/26", "b1"))).toContain("block 10.65.9.0/26 overlaps");
  expect(reason(block("172.20.9.0/26", "b1"))).toContain("block 172.20.9.0/26 overlaps");
  expect(reason(pool("172.20.0.0/20"))).toContain("overlaps");
  expect(reason(pool("0.0.0.0/0"))).toContain("overlaps");
  expect(reason(pod("x", "10.66.0.1"))).toBe(null);
});

test.each<[string, CalicoRecord[], string]>([
  [
    "a MAC of many",
    [tunnelNode(66, "b1", 1, { vxlanTunnelMACAddr: "01:00:5e:00:00:01" })],
    "is no MAC address of one node",
  ],
  [
    "IPv6 in a field for IPv4",
    [tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "fd00:66::1" })],
    "fd00:66::1 is no IPv4 address of a node",
  ],
  [
    "a tunnel address outside its ranges",
    [tunnelNode(66, "b1", 1, { ipv4VXLANTunnelAddr: "10.99.0.1" })],
    "is in no pool of its cluster",
  ],
  [
    "loopback as a node's address",
    [tunnelNode(66, "b1", 1, { ipv4Address: "127.0.0.1/8" })],
    "127.0.0.1 is no IPv4 address of a node",
  ],
])("[OVL8] %s gets no further than the relay, and is named there", (_, records, words) => {
  const rig = new Rig();
  rig.order(["b", "commit"]);
  rig.serve("b", [pool("10.66.0.0/16"), ...records, block("10.66.1.0/26", "b1")]);
  expect(rig.names()).toEqual([]);
  expect(
    rig.routes
      .report("b")
      .unrouted.map(({ reason }) => reason)
      .join(),
  ).toContain(words);
});

test("[OVL8] a block outside the pools of its cluster, a default route too, is not told", () => {
  const rig = new Rig();
  rig.order(["b", "commit"]);
  const bad = ["10.99.0.0/26", "0.0.0.0/0"].map((cidr) => block(cidr, "b1"));
  rig.serve("b", [pool("10.66.0.0/16"), tunnelNode(66, "b1", 1), ...bad]);
  expect(rig.names()).toEqual(["b b1"]);
});

test("[TYP43] a node is told by five keys a family, with the MAC of its own name and no subnet", () => {
  const given = tunnelNode(66, "b1", 1);
  const rig = new Rig();
  rig.order(["blue", "prepare"]);
  rig.serve("blue", [pool("10.66.0.0/16"), given]);
  const [item] = rig.routes.items();
  if (item?.kind !== "node") throw new Error("no node");
  const values = nodeValues("blue", item.node, item.vteps);
  expect(values.map(({ key }) => key)).toEqual([
    "/calico/resources/v3/projectcalico.org/nodes/blue_b1",
    "/calico/v1/host/blue_b1/config/IPv4VXLANTunnelAddr",
    "/calico/v1/host/blue_b1/config/VXLANTunnelMACAddr",
  ]);
  expect(values[0]?.value).toMatchObject({
    metadata: { name: "b1" },
    spec: { bgp: { ipv4Address: "192.0.66.1/32" } },
  });
  expect(values[2]).toMatchObject({ text: "66:7e:83:ca:2a:65" });
});

test("[TYP43] host config is never of a local node, also where a remote's node has its name", () => {
  const rig = new Rig();
  rig.order(["blue", "prepare"]);
  rig.serve("blue", [
    pool("10.66.0.0/16"),
    tunnelNode(66, "a1", 1),
    tunnelNode(66, "blue-a1.example", 2),
  ]);
  const hosts = [...rig.routes.items()].flatMap((item) =>
    item.kind === "node"
      ? nodeValues("blue", item.node, item.vteps).map(({ key }) => hostOf(key))
      : [],
  );
  expect(new Set(hosts)).toEqual(new Set(["blue_a1", "blue_blue-a1.example"]));
  // A node's name is a DNS name, which has no underscore.
  expect(hosts.filter((host) => /^[a-z0-9.-]+$/.test(host))).toEqual([]);
});

/** The host that a key of a node or of its configuration is about. */
function hostOf(key: string): string {
  const [, host] = /\/(?:nodes|host)\/([^/]+)/.exec(key) ?? [];
  if (host === undefined) throw new Error(`${key} is of no host`);
  return host;
}

test("[TYP45] [OVL7] an order is obeyed, and Felix in sync, when the remote's nodes are here, and not the nothing before", () => {
  const health = (epoch: string, isInSync = true) => ({
    health: () => ({
      cursor: { epoch, revision: 1, chain: new Uint8Array() },
      isInSync,
      isRepairing: false,
      isPutBack: false,
      records: 0,
      stale: 0,
      verified: null,
      wasComplete: true,
    }),
  });
  const told = { vteps: 1, routes: 2, unrouted: [] };
  const [before, here] = [health(WITHHELD_EPOCH), health("e1")];
  expect(overlayReport(remote("b", "commit"), before, told)).toEqual({});
  expect(lacksRoutes(remote("b", "commit"), before)).toBe(true);
  expect(overlayReport(remote("b", "commit"), here, told)).toEqual({
    overlay: { step: 1, vteps: 1, routes: 2, withheld: 0 },
  });
  expect(lacksRoutes(remote("b", "commit"), here)).toBe(false);
  expect(overlayReport(remote("b", "commit"), health("e1", false), told)).toEqual({});
  expect(overlayReport(remote("b", "leave"), before, told)).not.toEqual({});
  expect(lacksRoutes(remote("b", "leave"), before)).toBe(false);
});
