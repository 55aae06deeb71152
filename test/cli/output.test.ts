import { expect, test } from "vitest";

import { edgeSchema, statusSchema } from "../../shared/api/status.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import { renderAge, renderList } from "../../cli/commands/output.ts";
import type { ListShape } from "../../cli/commands/output.ts";
import { obstacles, parseDuration } from "../../cli/commands/wait.ts";

interface Row {
  readonly name: string;
  readonly size: string;
}

const SHAPE: ListShape<Row> = {
  columns: [
    { title: "NAME", of: (row) => row.name },
    { title: "SIZE", of: (row) => row.size, wide: true },
  ],
  name: (row) => row.name,
  empty: "none",
};
const ROWS: readonly Row[] = [
  { name: "日本", size: "1" },
  { name: "a\u001b[31m", size: "" },
];

test("[CLI3] a table lines up by the width on screen, and no control character reaches the terminal", () => {
  expect(renderList(ROWS, SHAPE, "wide")).toBe("NAME    SIZE\n日本    1\na?[31m  -\n");
  expect(renderList(ROWS, SHAPE, undefined)).toBe("NAME\n日本\na?[31m\n");
  expect(renderList([], SHAPE, undefined)).toBe("none\n");
});

test("[CLI3] programs get items, names or YAML, also of an empty list", () => {
  expect(JSON.parse(renderList(ROWS, SHAPE, "json"))).toEqual({ items: ROWS });
  expect(renderList([], SHAPE, "json")).toBe('{\n  "items": []\n}\n');
  expect(renderList([], SHAPE, "name")).toBe("");
  expect(renderList([ROWS[0] as Row], SHAPE, "yaml")).toBe(
    'items:\n  - name: 日本\n    size: "1"\n',
  );
});

test("[CLI3] ages are told in their largest whole unit", () => {
  expect([null, 900, 119_000, 130_000, 7_300_000, 200_000_000].map(renderAge)).toEqual([
    "",
    "0s",
    "119s",
    "2m",
    "2h",
    "2d",
  ]);
});

const edge = (origin: string, connection: string): EdgeStatus =>
  edgeSchema.parse({
    cluster: { uid: "1", name: "app" },
    rcc: origin,
    origin: { uid: "2", name: origin },
    state: "granted",
    connection,
    connectionStatus: null,
    endpoints: null,
    refused: null,
    revision: null,
    digest: null,
    ageMs: null,
  });

test("[CLI7] wait asks for every RCC of the cluster, or for the one remote", () => {
  const status = statusSchema.parse({
    mesh: { name: "demo", id: "m", accessVersion: 1 },
    at: "",
    clusters: [],
    edges: [edge("db", "InSync"), edge("web", "Connecting")],
  });
  expect(obstacles(status, "app", undefined)).toEqual(["app/web: Connecting"]);
  expect(obstacles(status, "app", "db")).toEqual([]);
  expect(obstacles(status, "app", "x")).toEqual(["cluster app has no RCC that names x"]);
  expect(obstacles(status, "db", undefined)).toEqual(["cluster db has no RCC"]);
});

test("[CLI7] a duration has a unit, or is in seconds", () => {
  expect(["500ms", "60s", "2m", "1h", "5"].map(parseDuration)).toEqual([
    500, 60_000, 120_000, 3_600_000, 5000,
  ]);
  for (const text of ["", "soon", "-1s", "1d"])
    expect(() => parseDuration(text)).toThrow("--timeout");
});
