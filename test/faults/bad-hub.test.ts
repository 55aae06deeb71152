/**
 * A hub that is there and does not do its part: the link comes back, the relay withdraws nothing.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { Credentials } from "../../relay/hub/credentials.ts";
import { HubLink } from "../../relay/hub/link.ts";
import { eventually } from "../support/mesh-rig.ts";
import { startRawHub, startSocketHub } from "./fake-hub.ts";
import type { FakeHub } from "./fake-hub.ts";

/**
 * Tests wait for time limits of several seconds: they run side by side, each with its own clean-up.
 */
type AtEnd = (cleanup: () => void | Promise<void>) => void;

function kept(hub: FakeHub, atEnd: AtEnd): FakeHub {
  atEnd(() => hub.close());
  return hub;
}

function stateFolder(atEnd: AtEnd): string {
  const state = mkdtempSync(join(tmpdir(), "catwalk-join-"));
  atEnd(() => rmSync(state, { recursive: true }));
  return state;
}

/** A link with a heartbeat of 20 ms, and what its owner was told. */
function dial(hub: FakeHub, atEnd: AtEnd): { readonly told: string[]; readonly link: HubLink } {
  const told: string[] = [];
  const link = new HubLink({
    url: `ws://${hub.host}/`,
    headers: () => Promise.resolve({}),
    heartbeatMs: 20,
    handlers: {
      onOpen: () => undefined,
      onMessage: () => undefined,
      onDown: (_, message) => told.push(message),
    },
  });
  atEnd(() => link.stop());
  link.start();
  return { told, link };
}

const REFUSAL = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 100\r\n\r\nhalf a sen";

const REFUSALS: readonly [name: string, answer: (socket: Socket) => void, said: string][] = [
  ["breaks off", (socket) => socket.end(REFUSAL), "HTTP 503"],
  ["is never finished", (socket) => socket.write(REFUSAL), "HTTP 503"],
  [
    "never ends",
    (socket) => {
      socket.write("HTTP/1.1 502 Bad Gateway\r\ntransfer-encoding: chunked\r\n\r\n");
      const pump = (): void => {
        if (socket.destroyed) return;
        socket.write(`1000\r\n${"x".repeat(4096)}\r\n`, () => setImmediate(pump));
      };
      pump();
    },
    "HTTP 502",
  ],
  ["is no HTTP", (socket) => socket.end("\0\0garbage\r\n\r\n"), "Parse Error"],
];

for (const [name, answer, said] of REFUSALS)
  test.concurrent(`[FLT1] a refusal that ${name} is a refusal: the relay dials again`, async ({
    onTestFinished,
  }) => {
    const hub = kept(await startRawHub(answer), onTestFinished);
    const { told } = dial(hub, onTestFinished);
    await eventually(
      () => Promise.resolve(hub.dials()),
      (dials) => dials >= 3,
    );
    expect(told[0]).toContain(said);
  });

test.concurrent("[FLT1] a hub that accepts a connection and never answers is given up, and dialled again", async ({
  onTestFinished,
}) => {
  const hub = kept(await startRawHub(() => undefined), onTestFinished);
  const { told } = dial(hub, onTestFinished);
  await eventually(
    () => Promise.resolve(hub.dials()),
    (dials) => dials >= 2,
  );
  expect(told).toEqual(["Opening handshake has timed out"]);
});

test.concurrent("[FLT1] a hub that accepts a WebSocket and never says anything is noticed by its heartbeats", async ({
  onTestFinished,
}) => {
  const hub = kept(await startSocketHub(() => undefined), onTestFinished);
  const { told } = dial(hub, onTestFinished);
  await eventually(
    () => Promise.resolve(hub.dials()),
    (dials) => dials >= 3,
  );
  expect(new Set(told)).toEqual(new Set(["no answer to heartbeats"]));
});

test.concurrent("[FLT2] an answer to a join token that breaks off is no membership", async ({
  onTestFinished,
}) => {
  const state = stateFolder(onTestFinished);
  const body = '{"credential":"c","meshId":"m","mesh":"demo","clus';
  const hub = kept(
    await startRawHub((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n${body}`),
    ),
    onTestFinished,
  );
  const credentials = await Credentials.open(state);
  await expect(credentials.join(`http://${hub.host}`, "cwj_demo_00")).rejects.toMatchObject({
    isFinal: false,
  });
  expect(credentials.membership).toBe(null);
  expect(existsSync(join(state, "membership.json"))).toBe(false);
});

test.concurrent("[FLT2] a hub that never answers a join token is tried again after a while", async ({
  onTestFinished,
}) => {
  const state = stateFolder(onTestFinished);
  const hub = kept(await startRawHub(() => undefined), onTestFinished);
  const credentials = await Credentials.open(state);
  await expect(credentials.join(`http://${hub.host}`, "cwj_demo_00")).rejects.toMatchObject({
    isFinal: false,
    message: expect.stringContaining("cannot reach the hub"),
  });
});
