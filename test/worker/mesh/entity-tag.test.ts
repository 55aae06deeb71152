/** Changes that name the state that they are made from. */
import { expect, test } from "vitest";

import { memberRcc } from "../../../shared/visibility/rcc.ts";
import { entityTag } from "../../../worker/mesh/entity-tag.ts";
import { ADMIN_TOKEN, TestHub } from "./support.ts";

const DEMO = "/v1/meshes/demo";
const RCC = `${DEMO}/clusters/app/rccs/db`;
const GRANT = `${DEMO}/grants/db/app`;

async function world() {
  const hub = new TestHub();
  await hub.withClusters("app", "db");
  const ask = async (method: string, path: string, body?: unknown, ifMatch?: string) => {
    const answer = await hub.app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, etag: answer.headers.get("etag") ?? "" };
  };
  return { hub, ask };
}

test.each([
  [
    "an RCC",
    RCC,
    memberRcc("db"),
    { ...memberRcc("db"), metadata: { name: "db", annotations: { a: "1" } } },
  ],
  ["a grant", GRANT, {}, { scope: { namespaces: ["shop"] } }],
])(
  "[API60] of two who change %s from one state the second is refused",
  async (_, path, one, other) => {
    const { hub, ask } = await world();
    expect((await ask("PUT", path, one, "*")).status).toBe(412);
    const made = await ask("PUT", path, one);
    expect([made.status, made.etag]).toEqual([201, expect.stringMatching(/^"[0-9a-f]{32}"$/)]);
    expect((await ask("GET", path)).etag).toBe(made.etag);
    const first = await ask("PUT", path, other, made.etag);
    expect([first.status, first.etag === made.etag]).toEqual([200, false]);
    const version = hub.mesh("demo").version();
    for (const method of ["PUT", "DELETE"] as const)
      for (const query of ["", "?dryRun=true"]) {
        const body = method === "PUT" ? one : undefined;
        expect((await ask(method, `${path}${query}`, body, made.etag)).status).toBe(412);
      }
    expect(hub.mesh("demo").version()).toBe(version);
    expect((await ask("GET", path)).etag).toBe(first.etag);
    expect((await ask("PUT", path, one, `W/"x", ${first.etag}`)).status).toBe(200);
    expect((await ask("DELETE", path, undefined, "*")).status).toBe(200);
    expect((await ask("DELETE", path, undefined, "*")).status).not.toBe(200);
  },
);

test.each([
  [
    "an RCC",
    RCC,
    memberRcc("db"),
    { ...memberRcc("db"), metadata: { name: "db", annotations: { a: "1" } } },
  ],
  ["a grant", GRANT, { scope: { namespaces: ["shop"] } }, {}],
])(
  "[API63] %s that is there is replaced by who names its state only",
  async (_, path, one, other) => {
    const { hub, ask } = await world();
    expect((await ask("PUT", path, one)).status).toBe(201);
    // The same again undoes nothing.
    expect((await ask("PUT", path, one)).status).toBe(200);
    const version = hub.mesh("demo").version();
    expect((await ask("PUT", path, other)).status).toBe(428);
    expect((await ask("PUT", `${path}?dryRun=true`, other)).status).toBe(428);
    expect(hub.mesh("demo").version()).toBe(version);
    const replaced = await hub.call("PUT", path, other);
    expect([replaced.body.code, replaced.body.detail]).toEqual([
      "precondition-required",
      expect.stringContaining("If-Match"),
    ]);
    expect((await ask("PUT", path, other, "*")).status).toBe(200);
    const { etag } = await ask("GET", path);
    expect((await ask("PUT", path, one, etag)).status).toBe(200);
    // What shows less is never kept from anybody.
    expect((await ask("DELETE", path)).status).toBe(200);
  },
);

test("[API60] where it would mean nothing the header is refused", async () => {
  const { ask } = await world();
  expect((await ask("GET", `${DEMO}/grants`, undefined, "*")).status).toBe(400);
  expect((await ask("POST", `${DEMO}/clusters/db/suspend`, undefined, '"x"')).status).toBe(400);
});

test("[API60] the order of fields says nothing, every value does", () => {
  expect(entityTag({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(entityTag({ b: [{ d: 3, c: 2 }], a: 1 }));
  const tags = [{ a: 1 }, { a: "1" }, { a: [1] }, { b: 1 }, {}, null].map(entityTag);
  expect(new Set(tags).size).toBe(tags.length);
});
