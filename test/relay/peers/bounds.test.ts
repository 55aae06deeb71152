/** What others can take of a relay that is asked, at most. */
import { statSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";

import { afterEach, expect, test } from "vitest";

import { PeerConnection } from "../../../relay/peers/connection.ts";
import { messageFrame, readAnswer } from "../../../relay/peers/messages.ts";
import { splitHostPort } from "../../../relay/lib/host-port.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { FACTS, hashOf, stored, viewOf } from "../../support/peer-files.ts";
import { OWN, PeerRig, SHORT } from "../../support/peer-rig.ts";

const rig = new PeerRig();
afterEach(() => rig.close());

test("[PEE5] so many are sent files, the next are told to wait, and all get them", async () => {
  const from = stored(rig, 1, 200);
  const { size } = statSync(viewOf(from));
  const limits = { ...SHORT, transfers: 1, bytesPerSecond: size * 20, idleMs: 2_000 };
  const address = await rig.serve(from, FACTS, { limits });
  const asked = await Promise.all(Array.from({ length: 6 }, () => rig.ask([address], { limits })));
  for (const { dir, report } of asked) {
    expect(report).toMatchObject({ lacking: [], message: null });
    expect(hashOf(viewOf(dir))).toBe(hashOf(viewOf(from)));
  }
});

test("[PEE5] [PEE10] a question of 1,000 remotes is answered; a longer one is refused by its length", async () => {
  const address = await rig.serve(stored(rig), FACTS);
  const { signal } = new AbortController();
  const longest = Array.from({ length: 999 }, (_, n) => `${n}${"x".repeat(60)}`.slice(0, 63));
  const asks = await PeerConnection.dial(address, OWN, 1_000, signal);
  await asks.send(messageFrame({ type: "files", facts: false, rccs: [...longest, "db"] }));
  expect(readAnswer(await asks.receive())).toMatchObject({ message: { type: "file", rcc: "db" } });
  asks.close();
  const floods = await PeerConnection.dial(address, OWN, 1_000, signal);
  await floods.send(Buffer.alloc(200 * 1024));
  await expect(floods.receive()).rejects.toThrow(/closed the connection|ECONNRESET|EPIPE/);
});

test("[PEE5] connections that say nothing are ended, also those beyond the bound; others are served then", async () => {
  const limits = { ...SHORT, connections: 8 };
  const address = await rig.serve(stored(rig), FACTS, { limits });
  const [host, port] = splitHostPort(address);
  let ended = 0;
  for (let n = 0; n < 20; n++) {
    const socket = connect({ host, port });
    socket.on("error", () => undefined);
    socket.on("close", () => ended++);
    socket.resume();
    // Slow drops are no question.
    const drop = setInterval(() => socket.write("c"), 50);
    socket.on("close", () => clearInterval(drop));
  }
  await eventually(
    () => Promise.resolve(ended),
    (count) => count === 20,
  );
  expect((await rig.ask([address])).report).toMatchObject({ lacking: [], message: null });
});

test("[PEE5] who has the key is served beside any number who have not, and is not put out by them", async () => {
  const from = stored(rig, 1, 2_000);
  const { size } = statSync(viewOf(from));
  // Silent for longer than the test lasts; the view takes a third of a second.
  const limits = { ...SHORT, idleMs: 60_000, connections: 4, bytesPerSecond: size * 3 };
  const address = await rig.serve(from, FACTS, { limits });
  const [host, port] = splitHostPort(address);
  const silent = new Set<Socket>();
  let closed = 0;
  const hold = (): void => {
    const socket = connect({ host, port });
    silent.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => closed++);
  };
  for (let n = 0; n < 10; n++) hold();
  await eventually(
    () => Promise.resolve(closed),
    (count) => count === 6,
  );
  const more = setInterval(hold, 10);
  try {
    const { dir, report } = await rig.ask([address], { limits });
    expect(report).toMatchObject({ lacking: [], message: null });
    expect(hashOf(viewOf(dir))).toBe(hashOf(viewOf(from)));
    expect(closed).toBeGreaterThan(10);
  } finally {
    clearInterval(more);
    for (const socket of silent) socket.destroy();
  }
});
