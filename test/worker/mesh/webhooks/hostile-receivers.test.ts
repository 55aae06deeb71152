/** Receivers that drip, redirect, never end, break off: each costs one bounded request. */
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { once } from "node:events";

import { expect, test } from "vitest";

import { postPayload } from "../../../../worker/mesh/webhooks/post.ts";

const PAYLOAD = { headers: { "content-type": "application/json" }, body: "{}" };
/** Short, so that the test need not wait for the real one. */
const TIMEOUT_MS = 400;

interface Outcome {
  readonly sent: Awaited<ReturnType<typeof postPayload>>;
  readonly paths: readonly string[];
  /** What the receiver could write. */
  readonly bytes: number;
}

/** @param answer Says or does whatever it likes. */
async function posted(answer: (response: ServerResponse) => void): Promise<Outcome> {
  const paths: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    request.resume();
    request.on("end", () => answer(response));
    response.on("error", () => undefined);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sent = await postPayload(`http://127.0.0.1:${port}/hook`, PAYLOAD, 0, TIMEOUT_MS);
  const bytes = [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, 0);
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  return { sent, paths, bytes };
}

test("[EVT9] a body that drips without an end is left when the time is over, and its status counts", async () => {
  let timer: NodeJS.Timeout | null = null;
  const { sent } = await posted((response) => {
    response.writeHead(200);
    timer = setInterval(() => response.write("."), 20);
    response.on("close", () => clearInterval(timer ?? undefined));
  });
  clearInterval(timer ?? undefined);
  expect(sent).toEqual({ kind: "answered", status: 200, retryAfterMs: null });
});

test("[EVT9] of ten gigabytes little is taken", async () => {
  const chunk = Buffer.alloc(64 * 1024, "x");
  const { sent, bytes } = await posted((response) => {
    response.writeHead(200, { "content-length": String(10 * 1024 ** 3) });
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", more);
    more();
  });
  expect(sent).toMatchObject({ kind: "answered", status: 200 });
  // What fits into buffers on the way.
  expect(bytes).toBeLessThan(64 * 1024 * 1024);
});

test("[EVT9] a redirect is an answer, and nobody is asked where it leads", async () => {
  const { sent, paths } = await posted((response) => {
    response.writeHead(307, { location: "/elsewhere", "retry-after": "7" });
    response.end();
  });
  expect(sent).toEqual({ kind: "answered", status: 307, retryAfterMs: 7_000 });
  expect(paths).toEqual(["/hook"]);
});

test("[EVT9] a body that breaks off leaves its status", async () => {
  const { sent } = await posted((response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("abc", () => response.destroy());
  });
  expect(sent).toMatchObject({ kind: "answered", status: 200 });
});

test("[EVT9] one whose headers drip, or that says nothing, has not answered when the time is over", async () => {
  for (const line of ["HTTP/1.1 200 OK\r\nx-a: 1\r\n", ""]) {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      if (line !== "") socket.write(line);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const sent = await postPayload(`http://127.0.0.1:${port}/`, PAYLOAD, 0, TIMEOUT_MS);
    expect(sent).toMatchObject({ kind: "failed", error: expect.stringContaining("no answer") });
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
});
