import { expect, test } from "vitest";

import { derivedName } from "../../../../relay/services/mcs/derived-name.ts";
import { mergeExports, portsOfCluster } from "../../../../relay/services/mcs/merge-exports.ts";
import type { ExportedService } from "../../../../relay/services/mcs/merge-exports.ts";
import type { Labels, Service } from "../../../../shared/record/record.ts";
import { service } from "../../../support/federated.ts";

function exported(
  cluster: string,
  createdMs: number,
  more: Partial<Service> = {},
  [labels, annotations]: readonly [Labels, Labels] = [{}, {}],
): ExportedService {
  const place = { namespace: "shop", name: "db" } as const;
  return {
    cluster,
    rcc: cluster,
    service: service("db", {}, more),
    export: { kind: "ServiceExport", ...place, createdMs, labels, annotations },
  };
}

const port = (name: string, number: number, protocol: "tcp" | "udp" | "sctp" = "tcp") => ({
  name,
  protocol,
  port: number,
});

/** Reasons of the standard, by what the younger export has otherwise. */
const CONFLICTS: readonly (readonly [Partial<Service>, string])[] = [
  [{ ports: [port("sql", 5433)] }, "PortConflict"],
  [{ headless: true }, "TypeConflict"],
  [{ affinitySeconds: 10 }, "SessionAffinityConflict,SessionAffinityConfigConflict"],
  [{ internalLocal: true }, "InternalTrafficPolicyConflict"],
  [{ trafficDistribution: "PreferClose" }, "TrafficDistributionConflict"],
  [{ families: "46" }, "IPFamilyConflict"],
  [{}, ""],
];

test.each(CONFLICTS)(
  "[MCS5] of %j the oldest export counts, and the conflict is %s",
  (more, reason) => {
    const [old, young] = [exported("b", 1_000), exported("a", 2_000, more)];
    for (const order of [
      [old, young],
      [young, old],
    ]) {
      const merged = mergeExports(order);
      expect(merged?.conflicts.map((one) => one.reason).join(",")).toBe(reason);
      expect(merged).toMatchObject({ headless: false, affinitySeconds: 0, internalLocal: false });
      expect(merged?.clusters).toEqual(["a", "b"]);
      for (const { message } of merged?.conflicts ?? [])
        expect(message).toMatch(/^\w+: b has .*, the oldest export; a has /);
    }
  },
);

test("[MCS5] labels and annotations are those that the oldest exports, and only those", () => {
  const merged = mergeExports([
    exported("a", 2_000, { labels: { own: "x" } }, [{ tier: "web" }, {}]),
    exported("b", 1_000, { labels: { own: "y" } }, [{ tier: "db" }, { note: "n" }]),
  ]);
  expect(merged).toMatchObject({ labels: { tier: "db" }, annotations: { note: "n" } });
  expect(merged?.conflicts.map(({ reason }) => reason)).toEqual([
    "LabelsConflict",
    "AnnotationsConflict",
  ]);
});

test("[MCS5] of two exports of one second the cluster's name decides", () => {
  const [a, b] = [exported("a", 1_000, { headless: true }), exported("b", 1_000)];
  expect(mergeExports([b, a])?.headless).toBe(true);
  expect(mergeExports([])).toBeNull();
});

test("[MCS4] ports are united; one that an older export has otherwise is not taken, nor its endpoints", () => {
  const old = exported("b", 1_000, { ports: [port("dns", 53, "udp"), port("sql", 5432)] });
  const young = exported("a", 2_000, {
    // Another number, another protocol, another name for the same number, and one of its own.
    ports: [port("dns", 53), port("metrics", 9187), port("pg", 5432), port("sql", 5433)],
  });
  const merged = mergeExports([young, old]);
  expect(merged?.ports.map(({ name, protocol, port: n }) => `${name}/${protocol}/${n}`)).toEqual([
    "dns/udp/53",
    "metrics/tcp/9187",
    "sql/tcp/5432",
  ]);
  if (merged === null) throw new Error("nothing is merged");
  expect(portsOfCluster(merged, young.service).map(({ name }) => name)).toEqual(["metrics"]);
  expect(portsOfCluster(merged, old.service).map(({ name }) => name)).toEqual(["dns", "sql"]);
});

test("[MCS4] a port without a name is the only one, as a Service of several names all", () => {
  const unnamed = [port("", 5432)];
  const named = [port("metrics", 9187)];
  const portsOf = (older: Service["ports"], younger: Service["ports"]) => {
    const merged = mergeExports([
      exported("b", 1_000, { ports: older }),
      exported("a", 2_000, { ports: younger }),
    ]);
    expect(merged?.conflicts.map(({ reason }) => reason)).toEqual(["PortConflict"]);
    return merged?.ports.map((one) => one.name);
  };
  expect(portsOf(unnamed, named)).toEqual([""]);
  expect(portsOf(named, unnamed)).toEqual(["metrics"]);
  expect(portsOf(unnamed, [port("", 5433)])).toEqual([""]);
  const same = mergeExports([
    exported("b", 1_000, { ports: unnamed }),
    exported("a", 2_000, { ports: unnamed }),
  ]);
  expect(same).toMatchObject({ ports: unnamed, conflicts: [] });
});

test("[MCS6] the derived Service's name follows from namespace and name alone", () => {
  expect(derivedName("shop", "db")).toMatch(/^derived-[a-z2-7]{10}$/);
  expect(derivedName("shop", "db")).toBe(derivedName("shop", "db"));
  const names = ["shop/db", "shopd/b", "a/b", "b/a"].map((text) => {
    const [namespace = "", name = ""] = text.split("/");
    return derivedName(namespace, name);
  });
  expect(new Set(names).size).toBe(names.length);
});
