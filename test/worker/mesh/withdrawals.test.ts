/** What a cluster's relay holds back is listed and decided at the hub. */
import { expect, test } from "vitest";

import { TestHub } from "./support.ts";

const PATH = "/v1/meshes/demo/clusters/db/withdrawals";
const source = { state: "following", reason: "", sinceMs: 1 } as const;

async function world() {
  const hub = new TestHub();
  const uids = await hub.withClusters("db", "app");
  const db = hub.origin(uids["db"]!);
  const hold = (collection: string, keys: number, sinceMs: number) => ({
    collection,
    keys,
    sinceMs,
    untilMs: sinceMs + 600_000,
  });
  const report = (...withdrawals: ReturnType<typeof hold>[]): void => {
    db.report = {
      publisher: "connected",
      report: { pools: [], poolCount: 0, withheldPools: [], source, withdrawals },
    };
  };
  return { hub, db, hold, report };
}

test("[PUB20] what is held is listed, and a decision reaches the relays with their facts", async () => {
  const { hub, db, hold, report } = await world();
  report(hold("pods", 60, 1_000), hold("nodes", 2, 2_000));
  expect((await hub.call("GET", PATH)).body).toEqual({
    items: [
      {
        collection: "pods",
        keys: 60,
        since: "1970-01-01T00:00:01.000Z",
        until: "1970-01-01T00:10:01.000Z",
      },
      {
        collection: "nodes",
        keys: 2,
        since: "1970-01-01T00:00:02.000Z",
        until: "1970-01-01T00:10:02.000Z",
      },
    ],
  });
  const one = await hub.call("POST", PATH, { decision: "reject", collection: "pods" });
  expect([one.status, one.body]).toEqual([200, { keys: 60, propagated: true }]);
  expect(db.facts?.withdrawal).toEqual({
    decision: "reject",
    holds: [{ collection: "pods", sinceMs: 1_000 }],
  });
  const all = await hub.call("POST", PATH, { decision: "confirm" });
  expect(all.body).toEqual({ keys: 62, propagated: true });
  expect(db.facts?.withdrawal?.holds).toHaveLength(2);
  const audit = (await hub.call("GET", "/v1/meshes/demo/audit")).body["items"];
  expect(audit).toMatchObject([
    { action: "withdrawal confirm", subject: "db: 62 records" },
    { action: "withdrawal reject", subject: "db: 60 records" },
    {},
    {},
    {},
  ]);
});

test("[PUB20] where nothing of it is held there is nothing to decide", async () => {
  const { hub, db, hold, report } = await world();
  for (const body of [{ decision: "confirm" }, { decision: "reject", collection: "pods" }]) {
    report(...("collection" in body ? [hold("nodes", 2, 1)] : []));
    const answer = await hub.call("POST", PATH, body);
    expect([answer.status, answer.body.code]).toEqual([409, "nothing-held"]);
  }
  expect((await hub.call("POST", PATH, { decision: "maybe" })).status).toBe(400);
  expect(db.facts?.withdrawal).toBeUndefined();
});
