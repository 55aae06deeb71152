import { expect, test } from "vitest";

import type { JsonObject } from "../../../../relay/kube/kube-object.ts";
import { derivedService } from "../../../../relay/services/mcs/import-objects.ts";
import { mergeExports } from "../../../../relay/services/mcs/merge-exports.ts";
import type { Families, MergedService } from "../../../../relay/services/mcs/merge-exports.ts";
import { planImport } from "../../../../relay/services/mcs/plan-import.ts";
import { service } from "../../../support/federated.ts";

const PLACE = { namespace: "shop", name: "db" } as const;
const VERSION = "multicluster.x-k8s.io/v1beta1";
/** @param families Of the exporters, the oldest first, as records have them. */
function merge(...families: readonly string[]): MergedService {
  const merged = mergeExports(
    families.map((one, i) => ({
      cluster: `c${i}`,
      rcc: `c${i}`,
      service: service("db", {}, { families: one }),
      export: { kind: "ServiceExport", ...PLACE, createdMs: i, labels: {}, annotations: {} },
    })),
  );
  if (merged === null) throw new Error("nothing is merged");
  return merged;
}

const COMMON: readonly (readonly [readonly string[], Families])[] = [
  [[""], "4"],
  [["6"], "6"],
  [["46", "64"], "46"],
  [["46", ""], "4"],
  [["6", "46", "64"], "6"],
  // One that has nothing of what those before have is passed over.
  [["", "6"], "4"],
  [["6", ""], "6"],
  [["46", "", "6"], "4"],
  [["46", "6", ""], "6"],
  [["", "6", "46"], "4"],
];

test.each(COMMON)("[MCS12] exporters of %j have %s in common", (families, common) => {
  expect(merge(...families).families).toBe(common);
});

/** What an import says, once it is written, of a Service with these addresses. */
function written(merged: MergedService, ipFamilies: readonly string[]): JsonObject {
  const clusterIPs = merged.headless
    ? ["None"]
    : ipFamilies.map((family) => (family === "IPv6" ? "fd96::7" : "10.96.0.7"));
  const labels = { "app.kubernetes.io/managed-by": "services.catwalk.dev" };
  const metadata = { ...PLACE, uid: "i", labels };
  const base = { metadata, spec: { clusterIP: clusterIPs[0], clusterIPs, ipFamilies } };
  const derived = derivedService(merged, { apiVersion: VERSION, metadata }, base);
  let held: JsonObject = { apiVersion: VERSION, metadata, spec: {} };
  for (let i = 0; i < 5; i++) {
    const step = planImport({
      apiVersion: VERSION,
      export: null,
      conditions: null,
      import: held,
      derived,
      merged,
      exported: [],
      hasImports: true,
      hasEndpoints: true,
      isIncomplete: () => false,
      isSettled: () => false,
      wallMs: 0,
    });
    if (step === null) return held;
    expect(step.kind).toBe("import");
    held = step.object;
  }
  throw new Error("it is written for ever");
}

const BOTH = ["IPv4", "IPv6"];
const READY = { conditions: [{ type: "Ready", status: "True" }] };

test("[MCS12] an import has the addresses of families that every exporter has, in the Service's order", () => {
  expect(written(merge("46"), BOTH)).toMatchObject({
    spec: { ips: ["10.96.0.7", "fd96::7"], ipFamilies: BOTH },
    status: READY,
  });
  expect(written(merge("46"), ["IPv6", "IPv4"])).toMatchObject({
    spec: { ips: ["fd96::7", "10.96.0.7"], ipFamilies: ["IPv6", "IPv4"] },
  });
  expect(written(merge("46", ""), BOTH)).toMatchObject({
    spec: { ips: ["10.96.0.7"], ipFamilies: ["IPv4"] },
    status: READY,
  });
  expect(written(merge("6"), BOTH)).toMatchObject({
    spec: { ips: ["fd96::7"], ipFamilies: ["IPv6"] },
  });
});

test("[MCS12] an import without a common family that the cluster has is not ready, and says why", () => {
  const object = written(merge("6"), ["IPv4"]);
  expect(object["spec"]).not.toHaveProperty("ips");
  expect(object["spec"]).not.toHaveProperty("ipFamilies");
  expect(object["status"]).toMatchObject({
    conditions: [{ type: "Ready", status: "False", reason: "IPFamilyNotSupported" }],
  });
  // A cluster of one family, and exporters of both.
  expect(written(merge("46"), ["IPv4"])).toMatchObject({
    spec: { ips: ["10.96.0.7"] },
    status: READY,
  });
});

test("[MCS12] headless: families without addresses", () => {
  const object = written({ ...merge("46", "6"), headless: true }, BOTH);
  expect(object).toMatchObject({ spec: { ipFamilies: ["IPv6"] }, status: READY });
  expect(object["spec"]).not.toHaveProperty("ips");
});
