/** `npm run deploy:check`: its rules one by one, and all of it over the repository's own file. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { JURISDICTIONS, MAX_GZIP_BYTES, placesOf, problemsOf } from "../../bin/deploy-rules.js";
import type { Config } from "../../bin/deploy-rules.js";
import { JURISDICTIONS as OF_MESHES } from "../../shared/lib/mesh-name.ts";
import { objectsIn } from "../../worker/place.ts";

const ROOT = join(import.meta.dirname, "../..");
const BUNDLE = { gzipBytes: 345_000, exported: ["MeshObject", "OriginObject", "default"] };
const GOOD: Config = {
  compatibility_date: "2026-08-01",
  compatibility_flags: ["nodejs_compat", "no_web_socket_compression"],
  observability: { enabled: true },
  vars: { PACE_MS: "1000" },
  durable_objects: {
    bindings: [
      { name: "MESH", class_name: "MeshObject" },
      { name: "ORIGIN", class_name: "OriginObject" },
    ],
  },
  migrations: [{ tag: "v1", new_sqlite_classes: ["MeshObject", "OriginObject"] }],
};

test("[DEP8] what may be deployed has no problems", () => {
  expect(problemsOf(GOOD, BUNDLE, "2026-11-30")).toEqual([]);
  const inEurope = { ...GOOD, vars: { ...GOOD.vars, JURISDICTION: "eu" } };
  expect(problemsOf(inEurope, BUNDLE, "2026-11-30")).toEqual([]);
});

test("[DEP12] it says where meshes will be, by the same list as their names", () => {
  expect(JURISDICTIONS).toEqual(OF_MESHES);
  expect(placesOf(GOOD)).toBe(
    "a mesh is where its name says (NAME.eu, NAME.us, NAME.fedramp, NAME.fedramp-high), else anywhere",
  );
  expect(placesOf({ vars: { JURISDICTION: "eu" } })).toBe("all meshes in eu");
});

const wrong: readonly (readonly [string, Partial<Config>, Partial<typeof BUNDLE>])[] = [
  ["more than 1000000", {}, { gzipBytes: MAX_GZIP_BYTES + 1 }],
  ["does not export OriginObject", {}, { exported: ["MeshObject"] }],
  ["MESH must be bound to MeshObject", { durable_objects: { bindings: [] } }, {}],
  ["OriginObject must be in new_sqlite_classes once", { migrations: [] }, {}],
  [
    "new_classes have no SQLite",
    { migrations: [...(GOOD.migrations ?? []), { tag: "v2", new_classes: ["Other"] }] },
    {},
  ],
  ["each tag may be there once", { migrations: [...(GOOD.migrations ?? []), { tag: "v1" }] }, {}],
  ["compatibility_date: must be", { compatibility_date: "2026-12-01" }, {}],
  ["compatibility_date: must be", { compatibility_date: "2024-01-01" }, {}],
  ["nodejs_compat is missing", { compatibility_flags: [] }, {}],
  ["no_web_socket_compression is missing", { compatibility_flags: ["nodejs_compat"] }, {}],
  ["observability.enabled: must be true", { observability: {} }, {}],
  ["vars.HUB_KEY:", { vars: { HUB_KEY: "x" } }, {}],
  ["vars.OTHER:", { vars: { OTHER: "0123456789abcdef0123456789abcdef" } }, {}],
  ["vars.JURISDICTION: must be one of eu", { vars: { JURISDICTION: "de" } }, {}],
];

test.each(wrong)("[DEP8] %s: told with the field and the rule", (said, config, bundle) => {
  const problems = problemsOf({ ...GOOD, ...config }, { ...BUNDLE, ...bundle }, "2026-11-30");
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.join("\n")).toContain(said);
});

const check = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(ROOT, "bin/deploy-check.js"), ...args], { encoding: "utf8" });

test.each(["", "eu"])("[DEP8] the repository's own hub may be deployed: %j", (env) => {
  const { status, stdout, stderr } = check(...(env === "" ? [] : ["--env", env]));
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(
    /ready to deploy: \d+ kB compressed of 1000; secrets.*; (all meshes in eu|a mesh is)/,
  );
});

test("[DEP8] a secret among the variables ends the check with status 1", () => {
  const file = join(ROOT, `wrangler.test-${process.pid}.toml`);
  const own = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  writeFileSync(file, own.replace("[vars]", '[vars]\nADMIN_TOKEN_HASH = "x"'));
  try {
    const { status, stderr } = check("--config", file);
    expect(status).toBe(1);
    expect(stderr).toContain("error: vars.ADMIN_TOKEN_HASH: anybody who reads");
  } finally {
    rmSync(file);
  }
});

test("[DEP9] a hub's objects are where JURISDICTION says, or anywhere", () => {
  const asked: string[] = [];
  const namespace = {
    jurisdiction: (where: string) => (asked.push(where), "in-eu"),
  } as never;
  expect(objectsIn(namespace, undefined)).toBe(namespace);
  expect(objectsIn(namespace, "")).toBe(namespace);
  expect(objectsIn(namespace, "eu")).toBe("in-eu");
  expect(asked).toEqual(["eu"]);
});
