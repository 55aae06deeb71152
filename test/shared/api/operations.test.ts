/**
 * The operations of the admin API against what the hub serves, and against answers that are none.
 */
import { expect, test } from "vitest";

import * as clusters from "../../../shared/api/clusters.ts";
import * as grants from "../../../shared/api/grants.ts";
import * as join from "../../../shared/api/join.ts";
import * as meshes from "../../../shared/api/meshes.ts";
import type { Operation } from "../../../shared/api/operation.ts";
import * as preflight from "../../../shared/api/preflight.ts";
import * as rccs from "../../../shared/api/rccs.ts";
import { readAnswer, wireRequest } from "../../../shared/api/request.ts";
import * as status from "../../../shared/api/status.ts";
import * as version from "../../../shared/api/version.ts";
import * as view from "../../../shared/api/view.ts";
import { TestHub } from "../../worker/mesh/support.ts";

const OPERATIONS: readonly Operation[] = [
  clusters,
  grants,
  join,
  meshes,
  preflight,
  rccs,
  status,
  version,
  view,
].flatMap((module) =>
  Object.values(module).filter((value): value is Operation => "successes" in value),
);

interface Documented {
  readonly operationId: string;
  readonly security?: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
}

test("[API35] the OpenAPI document has the operations of shared/api and no others, each where it says, for whom it says", async () => {
  const { body } = await new TestHub().call("GET", "/v1/openapi.json");
  const paths = body["paths"] as Record<string, Record<string, Documented>>;
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, security, responses }]) => ({
      id: operationId,
      at: `${method} ${path}`,
      access: security === undefined ? "anyone" : "admin",
      successes: Object.keys(responses).filter((code) => code.startsWith("2")),
    })),
  );
  const defined = OPERATIONS.map(({ id, method, path, access, successes }) => ({
    id,
    at: `${method} ${path}`,
    access,
    successes: Object.keys(successes),
  }));
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
  expect(documented.toSorted(byId)).toEqual(defined.toSorted(byId));
  expect(new Set(defined.map(({ id }) => id)).size).toBe(defined.length);
});

test("[API35] a request of an operation has its path, query and body, with every name escaped", () => {
  expect(wireRequest(meshes.getMesh, { params: { mesh: "a/../b" } })).toEqual({
    method: "GET",
    path: "/v1/meshes/a%2F..%2Fb",
  });
  expect(
    wireRequest(grants.listGrants, { params: { mesh: "m" }, query: { origin: "a&b" } }),
  ).toEqual({ method: "GET", path: "/v1/meshes/m/grants?origin=a%26b" });
  expect(wireRequest(grants.listGrants, { params: { mesh: "m" }, query: {} }).path).toBe(
    "/v1/meshes/m/grants",
  );
  expect(wireRequest(clusters.addCluster, { params: { mesh: "m" }, body: { name: "db" } })).toEqual(
    { method: "POST", path: "/v1/meshes/m/clusters", body: '{"name":"db"}' },
  );
});

test("[CLI58] answers are read by the operation's schema: unknown fields are left out, missing ones of older hubs have defaults", () => {
  const view_ = { accessVersion: 1, cluster: { uid: "1", name: "app" }, later: true };
  const origins = [{ rcc: null, origin: { uid: "1", name: "app" }, watch: "/w" }];
  expect(readAnswer(view.getView, 200, JSON.stringify({ ...view_, origins }))).toEqual({
    kind: "success",
    value: {
      accessVersion: 1,
      cluster: { uid: "1", name: "app" },
      origins: [{ ...origins[0], labels: "original" }],
    },
  });
});

test("[CLI58] an answer that is none says which field, and what it must be", () => {
  const read = (status_: number, text: string) => readAnswer(meshes.listMeshes, status_, text);
  const mesh = { name: "m", id: "1", createdAt: "2026-01-01T00:00:00Z" };
  const wrong = read(200, JSON.stringify({ items: [mesh, { ...mesh, name: 3 }] }));
  expect(wrong).toEqual({ kind: "foreign", rule: expect.stringMatching(/^items\.1\.name: /) });
  expect(read(200, "<html>")).toEqual({ kind: "foreign", rule: "no JSON" });
  expect(read(502, "{}")).toEqual({ kind: "foreign", rule: "no problem document" });
  const problem = { type: "about:blank", title: "Gone", status: 410, code: "removed", detail: "d" };
  expect(read(410, JSON.stringify(problem))).toEqual({ kind: "problem", problem });
});
