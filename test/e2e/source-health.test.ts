/** [SRC88] What a relay tells of its source: status, readiness, metrics and log. */
import { readFileSync, renameSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();

beforeAll(async () => {
  await rig.startHub();
  await rig.createDemo();
  await rig.startRelay("db");
});

afterAll(() => rig.stop());

const source = async (): Promise<RelayStatus["source"]> =>
  (await rig.fromRelay<RelayStatus>("db", "/status")).source;
const messages = (): string[] =>
  readFileSync(rig.logFile("db"), "utf8")
    .split("\n")
    .filter((line) => line.includes("the source"));

test("[SRC88] a folder that goes away and comes back is told by the relay, everywhere and once", async () => {
  const folder = rig.folder("db");
  const before = await eventually(source, ({ state }) => state === "following");
  expect(before).toMatchObject({ reason: "", collections: [{ name: folder, state: "following" }] });
  renameSync(folder, `${folder}-away`);
  const reason = `there is no folder ${folder}`;
  const during = await eventually(source, ({ state }) => state === "absent");
  expect(during).toMatchObject({
    listed: true,
    reason: `${folder}: ${reason}`,
    collections: [{ name: folder, state: "absent", reason }],
  });
  expect(Date.now() - Date.parse(during.since ?? "")).toBeLessThan(60_000);
  // It serves what it has: ready, and says what it lacks.
  const ready = await eventually(
    () => fetch(new URL("/readyz", rig.relay("db").url)),
    ({ status }) => status === 200,
  );
  expect(await ready.json()).toMatchObject({
    ready: true,
    source: { state: "absent", reason: `${folder}: ${reason}`, since: during.since },
  });
  const metrics = await (await fetch(new URL("/metrics", rig.relay("db").url))).text();
  const labels = `{collection="${folder}"}`;
  expect(metrics).toContain(`catwalk_source_collection_healthy${labels} 0`);
  expect(metrics).toMatch(/catwalk_source_collection_error_age_seconds\{[^}]*\} \d/);
  await eventually(
    () => Promise.resolve(messages()),
    (lines) => lines.length === 1,
  );
  renameSync(`${folder}-away`, folder);
  await eventually(source, ({ state }) => state === "following");
  const lines = await eventually(
    () => Promise.resolve(messages()),
    (found) => found.length === 2,
  );
  expect(lines[0]).toContain(`the source does not have ${folder}: ${reason}`);
  expect(lines[1]).toContain(`the source follows ${folder} again`);
});
