import { expect, test } from "vitest";

import { derivedKey } from "../../../../relay/services/mcs/imports.ts";
import { readOwnSlice } from "../../../../relay/services/own-slice.ts";
import type { OwnSlice } from "../../../../relay/services/own-slice.ts";
import { planFilling } from "../../../../relay/services/plan-filling.ts";
import type { CalicoRecord } from "../../../../shared/record/record.ts";
import { endpoint, FederatedWorld, service } from "../../../support/federated.ts";

const KEY = derivedKey({ namespace: "shop", name: "pg" });

/** A Service of this port that is exported, with one endpoint. */
function exported(ip: string, port: number, createdMs: number): readonly CalicoRecord[] {
  const ports = [{ name: "sql", protocol: "tcp", port } as const];
  const names = { namespace: "shop", name: "pg", labels: {}, annotations: {} };
  return [
    service("pg", {}, { ports }),
    endpoint("pg", ip, { ports }),
    { kind: "ServiceExport", createdMs, ...names },
  ];
}

/** `b` is the oldest, and `c` has its port; this cluster, older than `c`, has another. */
function world(): FederatedWorld {
  const made = new FederatedWorld();
  made.put(null, { kind: "Profile", name: "kns.shop", labels: {} });
  made.put(null, ...exported("10.1.0.1", 5433, 2_000));
  made.put("c", ...exported("10.3.0.1", 5432, 3_000));
  return made;
}

const B = exported("10.2.0.1", 5432, 1_000);

function held({ services }: FederatedWorld): readonly OwnSlice[] {
  const filling = services.filling(KEY, []);
  if (filling.kind !== "filled") throw new Error(filling.kind);
  return filling.slices.flatMap(({ object }) => {
    const metadata = { ...(object["metadata"] as object), resourceVersion: "1" };
    return readOwnSlice({ ...object, metadata }) ?? [];
  });
}

const planned = ({ services }: FederatedWorld, slices: readonly OwnSlice[]): string[] =>
  planFilling(services.filling(KEY, slices), slices, services).map((write) => write.op);

test("[MCS7] an older export that is not told yet decides whose ports count: until then nothing leaves", () => {
  const before = world();
  before.put("b", ...B);
  const slices = held(before);
  expect(slices.map(({ cluster }) => cluster).toSorted()).toEqual(["b", "c"]);
  // Another relay has begun: `c` has told all, and what this cluster has would count without `b`.
  const after = world();
  after.incomplete.add("b");
  expect(planned(after, slices)).toEqual([]);
  after.put("b", ...B);
  after.incomplete.delete("b");
  expect(planned(after, slices)).toEqual([]);
  // It has told all, and exports nothing: what is here counts.
  expect(planned(world(), slices)).toEqual(["create", "delete", "delete"]);
});
