/** A mesh that lies in a jurisdiction: made, found and refused by its name alone. */
import { expect, test } from "vitest";

import { JURISDICTIONS } from "../../../shared/lib/mesh-name.ts";
import { NoSuchPlace, objectsOf, placeOf } from "../../../worker/place.ts";
import { namespaceOf, TestHub } from "./support.ts";

const refused = (field: string, rule: RegExp) => ({
  status: 422,
  body: { code: "no-such-place", errors: [{ field, rule: expect.stringMatching(rule) }] },
});

test("[DEP12] all that call an object of a mesh find it where the name says", () => {
  const asked: unknown[] = [];
  const sub = { sub: true };
  const namespace = { jurisdiction: (where: string) => (asked.push(where), sub) } as never;
  expect(objectsOf(namespace, undefined, "prod")).toBe(namespace);
  expect(objectsOf(namespace, "", "prod")).toBe(namespace);
  expect(asked).toEqual([]);
  for (const where of JURISDICTIONS) {
    expect(objectsOf(namespace, undefined, `prod.${where}`)).toBe(sub);
    expect(asked.at(-1)).toBe(where);
  }
  // A mesh without one is where the hub's are, as before.
  expect(objectsOf(namespace, "us", "prod")).toBe(sub);
  expect(asked.at(-1)).toBe("us");
  expect(() => objectsOf(namespace, "us", "prod.eu")).toThrow(NoSuchPlace);
});

test("[DEP12] a mesh is made in a jurisdiction, says so, and is another than that of the plain name", async () => {
  const hub = new TestHub();
  const plain = await hub.call("POST", "/v1/meshes", { name: "prod" });
  expect(plain.body).not.toHaveProperty("jurisdiction");
  const made = await hub.call("POST", "/v1/meshes", { name: "prod.eu", jurisdiction: "eu" });
  expect(made).toMatchObject({ status: 201, body: { name: "prod.eu", jurisdiction: "eu" } });
  expect(made.body["id"]).not.toBe(plain.body["id"]);
  const named = await hub.call("POST", "/v1/meshes", { name: "other.us" });
  expect(named.body).toMatchObject({ jurisdiction: "us" });
  const { body } = await hub.call("GET", "/v1/meshes");
  expect(body["items"]).toMatchObject([
    { name: "other.us", jurisdiction: "us" },
    { name: "prod" },
    { name: "prod.eu", jurisdiction: "eu" },
  ]);
  const added = await hub.call("POST", "/v1/meshes/prod.eu/clusters", { name: "db" });
  expect(added.body["joinToken"]).toMatch(/^cwj_prod\.eu_[0-9a-f]{48}$/);
  const got = await hub.call("GET", "/v1/meshes/prod%2Eeu");
  expect(got.body).toMatchObject({ name: "prod.eu" });
});

test("[DEP12] a jurisdiction never changes, and one that is none is refused by field and rule", async () => {
  const hub = new TestHub();
  await hub.call("POST", "/v1/meshes", { name: "prod.eu" });
  await hub.call("POST", "/v1/meshes", { name: "prod" });
  const post = (body: unknown) => hub.call("POST", "/v1/meshes", body);
  expect(await post({ name: "prod.eu", jurisdiction: "us" })).toMatchObject(
    refused("jurisdiction", /never changes: .* ends in \.us$/),
  );
  expect(await post({ name: "prod", jurisdiction: "eu" })).toMatchObject(
    refused("jurisdiction", /never changes/),
  );
  expect(await post({ name: "prod.eu", jurisdiction: "eu" })).toMatchObject({
    status: 409,
    body: { code: "mesh-exists" },
  });
  for (const [field, body] of [
    ["jurisdiction", { name: "x", jurisdiction: "de" }],
    ["name", { name: "x.de" }],
    ["name", { name: "x.eu.eu" }],
  ] as const)
    expect(await post(body)).toMatchObject({
      status: 400,
      body: { errors: [{ field, rule: expect.stringMatching(/eu.*us.*fedramp.*fedramp-high/) }] },
    });
});

test("[DEP13] a platform without jurisdictions refuses such a mesh, and no object is made", async () => {
  const hub = new TestHub();
  hub.platform = namespaceOf([]);
  hub.touched.clear();
  for (const [field, more] of [
    ["name", {}],
    ["jurisdiction", { jurisdiction: "eu" }],
  ] as const)
    expect(await hub.call("POST", "/v1/meshes", { name: "prod.eu", ...more })).toMatchObject(
      refused(field, /cannot keep a mesh in eu: its platform does not know the jurisdiction/),
    );
  for (const path of ["prod.eu", "prod%2Eeu", "prod.eu/status", "prod.eu/clusters"])
    expect(await hub.call("GET", `/v1/meshes/${path}`)).toMatchObject({
      status: 404,
      body: { code: "no-such-mesh" },
    });
  expect([...hub.touched]).toEqual([]);
  expect((await hub.call("POST", "/v1/meshes", { name: "prod" })).status).toBe(201);
});

test("[DEP13] a hub that keeps all in one jurisdiction has no mesh in another", async () => {
  const hub = new TestHub();
  hub.jurisdiction = "eu";
  const plain = await hub.call("POST", "/v1/meshes", { name: "prod" });
  expect(plain.body).toMatchObject({ jurisdiction: "eu" });
  const there = await hub.call("POST", "/v1/meshes", { name: "prod.eu" });
  expect(there.body).toMatchObject({ jurisdiction: "eu" });
  expect(await hub.call("POST", "/v1/meshes", { name: "prod.us" })).toMatchObject(
    refused("name", /keeps all meshes in eu, and none in us/),
  );
  expect((await hub.call("GET", "/v1/meshes/prod.us")).status).toBe(404);
  expect(placeOf(hub.platform, "eu", "prod")).toEqual({ jurisdiction: "eu", problem: null });
});
