/** Changes of what may be there, against a hub that answers as the test says. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, expect, test } from "vitest";

import { Client } from "../../cli/admin/client.ts";
import { CommandError } from "../../cli/admin/usage-error.ts";
import { replace } from "../../cli/commands/replace.ts";
import { applyGrant, getGrant } from "../../shared/api/grants.ts";

const params = { mesh: "demo", origin: "db", reader: "app" };
const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A hub that answers a GET and a PUT with these statuses; what PUTs named in `If-Match`. */
async function hubOf(get: number, put: number) {
  const named: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const status = request.method === "GET" ? get : put;
    if (request.method === "PUT") named.push(request.headers["if-match"]);
    response.writeHead(status, { "content-type": "application/json", etag: '"read"' });
    const grant = {
      origin: { uid: "1", name: "db" },
      reader: { uid: "2", name: "app" },
      createdAt: "2026-11-30T00:00:00.000Z",
      used: true,
      managedBy: "api",
      vetoed: false,
      conditions: [],
    };
    const problem = { type: "about:blank", title: "no", status, code: "no", detail: "not so" };
    if (status >= 400) response.end(JSON.stringify(problem));
    else
      response.end(JSON.stringify(request.method === "GET" ? grant : { grant, propagated: true }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = new Client({
    server: `http://127.0.0.1:${port}`,
    token: "t",
    mesh: "demo",
    relays: {},
  });
  const change = () =>
    replace(client, getGrant, { params }, "catwalk grant list", (ifMatch) =>
      client.call(applyGrant, { params, body: {} }, ifMatch),
    );
  return { named, change };
}

test("[CLI96] what is there is named as it was read; of nothing nothing is named", async () => {
  const there = await hubOf(200, 200);
  expect(await there.change()).toMatchObject({ propagated: true });
  expect(there.named).toEqual(['"read"']);
  const absent = await hubOf(404, 201);
  expect(await absent.change()).toMatchObject({ propagated: true });
  expect(absent.named).toEqual([undefined]);
});

test.each([
  [200, 412],
  [404, 428],
])(
  "[CLI96] what was written between a %i and a %i is not undone, and the command says so",
  async (get, put) => {
    const { change } = await hubOf(get, put);
    const failed = await change().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(CommandError);
    expect(String(failed)).toMatch(/somebody else.*nothing was applied.*catwalk grant list/);
  },
);

test("[CLI96] another refusal is told in the hub's own words", async () => {
  const { change } = await hubOf(200, 422);
  await expect(change()).rejects.toThrow("not so");
});
