/** What the admin client does where a connection ends in the middle. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, expect, test } from "vitest";

import { Client, HubAwayError } from "../../cli/admin/client.ts";
import { addCluster } from "../../shared/api/clusters.ts";
import { listMeshes } from "../../shared/api/meshes.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A hub that ends so many connections without an answer; and what it was asked. */
async function cutting(times: number): Promise<{ client: Client; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.method ?? "");
    if (asked.length <= times) request.socket.destroy();
    else response.setHeader("content-type", "application/json").end('{"items":[]}');
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { client: new Client({ server: url, token: "t", mesh: "m", relays: {} }), asked };
}

test("[CLI99] a question whose connection ends without an answer is asked once more", async () => {
  const { client, asked } = await cutting(1);
  expect(await client.call(listMeshes, {})).toEqual({ items: [] });
  expect(asked).toEqual(["GET", "GET"]);
  const away = await cutting(9);
  await expect(away.client.call(listMeshes, {})).rejects.toThrow(HubAwayError);
  expect(away.asked).toEqual(["GET", "GET"]);
});

test("[CLI99] what may have been made is not made again", async () => {
  const { client, asked } = await cutting(1);
  const added = client.call(addCluster, { params: { mesh: "m" }, body: { name: "a" } });
  await expect(added).rejects.toThrow("cannot reach the hub");
  expect(asked).toEqual(["POST"]);
});
