/** A cluster owner's veto over consumers, as the Mesh obeys it. */
import { expect, test } from "vitest";

import type { ExportReport } from "../../../shared/visibility/export-report.ts";
import { exportHash } from "../../../shared/visibility/export-report.ts";
import { rccRequest, TestHub, valueOf } from "./support.ts";

async function pair() {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  const note = (exports: ExportReport | null) =>
    demo.noteCluster(db, { pools: null, dropped: [], exports });
  return { hub, demo, app, db, note };
}

const VETO: ExportReport = { summary: "no consumers app", exclude: ["app"] };

test("[EXP5] an edge to a consumer that the owner keeps out is not granted, with the reason, whatever grants are made; without the veto it is", async () => {
  const { hub, demo, app, db, note } = await pair();
  valueOf(await demo.createGrant("db", "app"));
  expect(hub.origin(db).facts?.readers).toHaveLength(1);
  const facts = await note(VETO);
  expect([facts?.readers, facts?.exportHash]).toEqual([[], exportHash(VETO)]);
  await expect
    .poll(() => hub.origin(app).facts?.remotes)
    .toMatchObject([{ state: "not-granted", reason: "vetoed" }]);
  valueOf(await demo.deleteGrant("db", "app"));
  valueOf(await demo.applyGrant("db", "app", { namespaces: ["shop"] }));
  expect(hub.origin(db).facts?.scopedReaders).toBeUndefined();
  expect(valueOf(await demo.listRccs("app"))).toMatchObject([
    { state: "not-granted", isVetoed: true },
  ]);
  expect(valueOf(await demo.listGrants("db"))).toMatchObject([{ isVetoed: true }]);
  const status = await hub.call("GET", "/v1/meshes/demo/status");
  expect(JSON.stringify(status.body)).toContain('"reason":"Vetoed"');
  expect((await note(null))?.scopedReaders).toHaveLength(1);
  await expect
    .poll(() => hub.origin(app).facts?.remotes)
    .toMatchObject([{ state: "granted", scope: { namespaces: ["shop"] } }]);
  expect(hub.origin(app).facts?.remotes[0]).not.toHaveProperty("reason");
});

test("[EXP5] where some consumers are included no other sees the cluster; the policy is shown and told in the audit, and goes with the cluster", async () => {
  const { hub, demo, db, note } = await pair();
  valueOf(await demo.createGrant("db", "app"));
  expect((await note({ summary: "only consumers web", include: ["web"] }))?.readers).toEqual([]);
  const shown = await hub.call("GET", "/v1/meshes/demo/clusters/db");
  expect(shown.body["exportPolicy"]).toBe("only consumers web");
  expect((await note({ summary: "only consumers app", include: ["app"] }))?.readers).toHaveLength(
    1,
  );
  const [row] = valueOf(await demo.audit(1));
  expect(row).toMatchObject({
    who: "cluster db",
    action: "export policy",
    subject: "only consumers app",
  });
  valueOf(await demo.removeCluster("db"));
  expect(hub.mesh("demo").store.get("exports", db)).toBeUndefined();
});
