/** Requests that are repeated with their key. */
import { expect, test } from "vitest";

import { ADMIN_TOKEN, TestHub } from "./support.ts";

const CLUSTERS = "/v1/meshes/demo/clusters";

async function world() {
  const hub = new TestHub();
  await hub.withClusters("app");
  const post = async (key: string, body: unknown, path = CLUSTERS, token = ADMIN_TOKEN) => {
    const answer = await hub.app.request(path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": key,
      },
      body: JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  return { hub, post };
}

test("[API62] a repeated request gets the first answer, with its secret, and changes nothing", async () => {
  const { hub, post } = await world();
  const first = await post("k-1", { name: "db" });
  expect(first.status).toBe(201);
  const version = hub.mesh("demo").version();
  const again = await post("k-1", { name: "db" });
  expect([again.status, again.text]).toEqual([201, first.text]);
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(again.headers.get("cache-control")).toBe("no-store");
  expect(hub.mesh("demo").version()).toBe(version);
  // A refusal is an answer too.
  const refused = await post("k-2", { name: "db" });
  expect([refused.status, (await post("k-2", { name: "db" })).text]).toEqual([409, refused.text]);
});

test("[API62] of what is kept no secret can be read, and no key", async () => {
  const { hub, post } = await world();
  const { text } = await post("some-key-of-a-client", { name: "db" });
  const { joinToken } = JSON.parse(text) as { joinToken: string };
  const rows = JSON.stringify(hub.mesh("demo").store.list("idempotency"));
  expect(rows).not.toContain(joinToken);
  expect(rows).not.toContain("some-key-of-a-client");
});

test("[API62] another request with the key is 422, and so is another path", async () => {
  const { post } = await world();
  await post("k", { name: "db" });
  expect((await post("k", { name: "web" })).status).toBe(422);
  expect((await post("k", { name: "db" }, `${CLUSTERS}/app/suspend`)).status).toBe(422);
  expect((await post("spaces are none", { name: "web" })).status).toBe(400);
});

test("[API62] a key is its caller's own, lasts a day, and is free again where the hub failed", async () => {
  const { hub, post } = await world();
  const made = await hub.call("POST", "/v1/meshes/demo/tokens", {
    name: "ed",
    role: "editor",
    expiresSeconds: 3 * 86_400,
  });
  const editor = String(made.body["token"]);
  expect((await post("k", { name: "db" })).status).toBe(201);
  expect((await post("k", { name: "web" }, CLUSTERS, editor)).status).toBe(201);
  hub.nowMs += 86_400_000;
  expect((await post("k", { name: "db" })).status).toBe(409);
  const service = hub.service("demo");
  const addCluster = service.addCluster.bind(service);
  service.addCluster = () => Promise.reject(new Error("disk full"));
  expect((await post("k-3", { name: "late" })).status).toBe(500);
  service.addCluster = addCluster;
  expect((await post("k-3", { name: "late" })).status).toBe(201);
});

test("[API62] while the first is under way the second is 409", async () => {
  const { hub, post } = await world();
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const service = hub.service("demo");
  const addCluster = service.addCluster.bind(service);
  service.addCluster = async (...args) => {
    begun.resolve();
    await goOn.promise;
    return addCluster(...args);
  };
  const first = post("k", { name: "db" });
  await begun.promise;
  expect((await post("k", { name: "db" })).status).toBe(409);
  goOn.resolve();
  expect((await first).status).toBe(201);
});
