import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocketServer } from "ws";

import { HubLink } from "../../../relay/hub/link.ts";
import type { LinkHandlers } from "../../../relay/hub/link.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A hub that greets every connection with one message. */
async function greetingHub(): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  server.on("connection", (socket) => socket.send(encodeMessage({ type: "access", facts: "{}" })));
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const fail = (): never => {
  throw new Error("a fault of ours");
};

function linkTo(url: string, handlers: Partial<LinkHandlers>): { opened: number; down: string[] } {
  const seen = { opened: 0, down: [] as string[] };
  const link = new HubLink({
    url,
    headers: () => Promise.resolve({}),
    heartbeatMs: 10_000,
    handlers: {
      onOpen: () => void seen.opened++,
      onMessage: () => undefined,
      onDown: (_reason, message) => void seen.down.push(message),
      ...handlers,
    },
  });
  onTestFinished(() => link.stop());
  link.start();
  return seen;
}

test("[FLT1] a handler that throws over a message ends that connection, and the hub is dialled again", async () => {
  const seen = linkTo(await greetingHub(), { onMessage: fail });
  await waitFor(() => expect(seen.opened).toBeGreaterThan(1));
  expect(seen.down[0]).toMatch(/a message of the hub could not be handled: .*a fault of ours/);
});

test("[FLT1] so does one that throws over a new connection", async () => {
  let opened = 0;
  const seen = linkTo(await greetingHub(), {
    onOpen: () => (++opened > 1 ? undefined : fail()),
  });
  await waitFor(() => expect(opened).toBe(2));
  expect(seen.down).toEqual([expect.stringMatching(/a new connection could not be handled/)]);
});

test("[FLT1] one that throws over the end of a connection does not keep it from being dialled again", async () => {
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  onTestFinished(() => warned.mockRestore());
  const seen = linkTo(await greetingHub(), { onMessage: fail, onDown: fail });
  await waitFor(() => expect(seen.opened).toBeGreaterThan(1));
  expect(String(warned.mock.calls[0]?.[0])).toMatch(/could not be handled.*a fault of ours/);
});

test("[FLT1] a URL that nothing can dial is told, and tried again", async () => {
  const seen = linkTo("no url", {});
  await waitFor(() => expect(seen.down.length).toBeGreaterThan(1));
  expect(seen.down[0]).toMatch(/url/i);
});
