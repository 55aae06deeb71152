import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { postPayload, publicOnly } from "../../../relay/webhooks/post.ts";
import { startReceiver } from "../../support/webhook-receiver.ts";

const PAYLOAD = { headers: { "content-type": "application/json" }, body: "{}" };
const HERE = { allowPrivate: true, nowMs: 0 };

test("[DIR19] a request is one POST; a redirect is an answer and is not followed", async () => {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  for (const status of [200, 302]) {
    receiver.status = status;
    const sent = await postPayload(receiver.url, PAYLOAD, HERE);
    expect(sent).toEqual({ kind: "answered", status, retryAfterMs: null });
  }
  expect(receiver.received.map(({ path, body }) => [path, body])).toEqual([
    ["/hook", "{}"],
    ["/hook", "{}"],
  ]);
});

test("[DIR19] a name that resolves to a private address is refused after DNS", async () => {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  const url = receiver.url.replace("127.0.0.1", "localhost");
  const sent = await postPayload(url, PAYLOAD, { ...HERE, allowPrivate: false });
  expect(sent).toEqual({
    kind: "failed",
    error: "no answer: localhost resolves to no public address",
  });
  expect(receiver.received).toEqual([]);
  expect((await postPayload(url, PAYLOAD, HERE)).kind).toBe("answered");
});

test("[DIR19] of the addresses of a name the public ones are left, in either form", async () => {
  // An address resolves to itself, without a name server.
  const ask = (host: string, all: boolean) =>
    new Promise((resolve) => {
      publicOnly(host, { all }, (error, address) => resolve(error?.message ?? address));
    });
  expect(await ask("203.0.114.9", true)).toEqual([{ address: "203.0.114.9", family: 4 }]);
  expect(await ask("203.0.114.9", false)).toBe("203.0.114.9");
  expect(await ask("169.254.169.254", true)).toMatch(/no public address/);
});

test("[DIR19] a receiver that says nothing, and one that never ends its answer, hold nothing", async () => {
  let answer = "";
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write(answer);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const silent = await postPayload(url, PAYLOAD, { ...HERE, timeoutMs: 50 });
  expect(silent.kind).toBe("failed");
  answer = `HTTP/1.1 503 Later\r\nretry-after: 7\r\n\r\n${"x".repeat(8_192)}`;
  const endless = await postPayload(url, PAYLOAD, HERE);
  expect(endless).toEqual({ kind: "answered", status: 503, retryAfterMs: 7_000 });
});
