import { expect, test } from "vitest";

import { edgeSchema, statusSchema } from "../../shared/api/status.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import { chosenOrigins, requireKnownOrigin } from "../../cli/commands/origin-choice.ts";
import { obstacles } from "../../cli/commands/wait.ts";

const KNOWN = [
  { rcc: null, cluster: "app" },
  { rcc: "database", cluster: "db" },
  { rcc: "web", cluster: "web" },
];

test("[CLI49] --origin of a view names an RCC, the cluster that it names, or the reader itself", () => {
  expect(chosenOrigins("database", KNOWN, "cluster app")).toEqual(new Set(["database"]));
  expect(chosenOrigins("db", KNOWN, "cluster app")).toEqual(new Set(["database"]));
  expect(chosenOrigins("app", KNOWN, "cluster app")).toEqual(new Set(["app"]));
  expect(() => chosenOrigins("dbb", KNOWN, "cluster app")).toThrow(
    "--origin dbb: cluster app sees no such remote (it sees app, database (cluster db), web)",
  );
});

const edge = (rcc: string, origin: string, connection: string): EdgeStatus =>
  edgeSchema.parse({
    cluster: { uid: "1", name: "app" },
    rcc,
    origin: { uid: "2", name: origin },
    state: "granted",
    connection,
    connectionStatus: 2,
    endpoints: 0,
    refused: 0,
    revision: 1,
    digest: null,
    ageMs: 0,
  });
const member = (name: string) => ({
  cluster: { uid: name, name },
  joined: true,
  publisher: "connected",
  ageMs: 0,
  quarantined: 0,
  factsAcknowledged: true,
  refusedClaims: 0,
  channels: [],
});
/** As a hub of the first version answers. */
const STATUS = statusSchema.parse({
  mesh: { name: "demo", id: "m", accessVersion: 1 },
  at: "2026-01-01T00:00:00Z",
  clusters: ["app", "db", "web", "later"].map(member),
  edges: [edge("database", "db", "InSync"), edge("web", "web", "Connecting")],
});

test("[CLI49] --origin of wait means the same: RCC or cluster; a member that no RCC names yet is waited for, a made-up name is an error", () => {
  expect(obstacles(STATUS, "app", "database")).toEqual([]);
  expect(obstacles(STATUS, "app", "db")).toEqual([]);
  expect(obstacles(STATUS, "app", "web")).not.toEqual([]);
  for (const name of ["database", "db", "web", "later"]) requireKnownOrigin(STATUS, "app", name);
  for (const name of ["dbb", "app"])
    expect(() => requireKnownOrigin(STATUS, "app", name)).toThrow(
      `--origin ${name}: cluster app has no RCC of this name, and the mesh no other cluster`,
    );
});
