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

/** As another relay finds it: `c` has told all, and what `b` has comes of a disk. */
function begunWith(b: readonly CalicoRecord[]): FederatedWorld {
  const made = world();
  made.incomplete.add("b");
  made.put("b", ...b);
  return made;
}

const left = (made: FederatedWorld, slices: readonly OwnSlice[]): string[] => {
  const writes = planFilling(made.services.filling(KEY, slices), slices, made.services);
  const after = new Map(slices.map((slice) => [slice.name, slice.addresses]));
  for (const write of writes)
    if (write.op === "delete") after.delete(write.before.name);
    else after.set(write.slice.name, write.slice.addresses);
  return [...after.values()].flat().toSorted();
};

test("[MCS7] what a disk has of an older export may be of long ago: endpoints that others still have stay", () => {
  const before = world();
  before.put("b", ...B);
  const slices = held(before);
  expect(left(before, slices)).toEqual(["10.2.0.1", "10.3.0.1"]);
  // On the disk `b` has the port that contradicts `c`, or is no older export at all.
  for (const old of [exported("10.2.0.1", 5433, 1_000), exported("10.2.0.1", 5432, 9_000)]) {
    const after = begunWith(old);
    expect(left(after, slices)).toEqual(expect.arrayContaining(["10.2.0.1", "10.3.0.1"]));
    after.put("b", ...B);
    after.incomplete.delete("b");
    expect(planned(after, slices)).toEqual([]);
  }
});

test("[MCS7] while a cluster has not told everything, what another has no more leaves all the same", () => {
  const before = world();
  before.put("b", ...B);
  before.put("c", endpoint("pg", "10.3.0.2"));
  const slices = held(before);
  const after = begunWith(exported("10.2.0.1", 5433, 1_000));
  expect(left(after, slices)).not.toContain("10.3.0.2");
  expect(left(after, slices)).toContain("10.3.0.1");
});
