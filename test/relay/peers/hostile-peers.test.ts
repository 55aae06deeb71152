/**
 * What others can do to a relay that asks: those who have not the key, and those who have it and
 * say what they like.
 */
import { randomInt } from "node:crypto";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

import { afterEach, expect, test } from "vitest";

import { askPositions } from "../../../relay/peers/ask.ts";
import { PeerConnection } from "../../../relay/peers/connection.ts";
import { messageFrame, partFrame } from "../../../relay/peers/messages.ts";
import type { Answer } from "../../../relay/peers/messages.ts";
import { acceptTls } from "../../../relay/peers/handshake.ts";
import { splitHostPort } from "../../../relay/lib/host-port.ts";
import { FACTS, filesOf, hashOf, stored, viewOf } from "../../support/peer-files.ts";
import { OTHERS, OWN, PeerRig, SHORT } from "../../support/peer-rig.ts";
import { accessFacts } from "../../support/stored-view.ts";

const rig = new PeerRig();
afterEach(() => rig.close());

test("[PEE3] who has another key gets nothing, and gives nothing", async () => {
  const address = await rig.serve(stored(rig), FACTS, { certificate: OTHERS });
  const { dir, facts, report } = await rig.ask([address]);
  expect(facts).toBe(null);
  expect(report).toMatchObject({ answered: 0, views: [], message: "no other relay answered" });
  expect(filesOf(dir)).toEqual([]);
  const asking = { certificate: OWN, limits: SHORT, signal: new AbortController().signal };
  await expect(askPositions(address, asking)).rejects.toThrow("has not the key of this cluster");
});

test("[PEE3] [PEE8] a bit that is changed on the way anywhere, or a cut, costs only that answer", async () => {
  const from = stored(rig, 9, 500);
  const through = await rig.serve(from, FACTS);
  const whole = statSync(viewOf(from)).size;
  const good = await rig.serve(stored(rig, 1, 2), FACTS);
  for (let round = 0; round < 12; round++) {
    const at = randomInt(0, whole);
    const isCut = round % 2 === 0;
    let passed = 0;
    const damaged = await rig.serveBy((client) => {
      const [host, port] = splitHostPort(through);
      const server = connect({ host, port });
      server.on("error", () => client.destroy());
      client.pipe(server);
      client.on("close", () => server.destroy());
      server.on("close", () => client.destroy());
      server.on("data", (bytes: Buffer) => {
        const place = at - passed;
        passed += bytes.length;
        if (place < 0 || place >= bytes.length) return void client.write(bytes);
        if (isCut) {
          client.write(bytes.subarray(0, place));
          client.destroySoon();
        } else {
          const bad = Buffer.from(bytes);
          bad[place] = (bad[place] ?? 0) ^ (1 << randomInt(0, 8));
          client.write(bad);
        }
      });
    });
    const { dir, report } = await rig.ask([damaged, good]);
    expect(report?.views).toMatchObject([{ rcc: "db" }]);
    // Damage far into the connection of the positions or the facts spares the file.
    const peer = report?.views[0]?.peer;
    expect(hashOf(viewOf(dir)) === hashOf(viewOf(from))).toBe(peer === damaged);
    expect(filesOf(dir)).toEqual(["db.view"]);
  }
});

/** Answers the positions as a good relay would, and files as a test wants. */
function hostile(files: (connection: PeerConnection) => Promise<void>): Promise<string> {
  const send = (connection: PeerConnection, message: Answer): Promise<void> =>
    connection.send(messageFrame(message));
  return rig.serveWithKey(async (question, connection) => {
    const asked = JSON.parse(question.subarray(1).toString()) as Record<string, unknown>;
    if (asked["type"] === "positions")
      return send(connection, {
        type: "positions",
        facts: { meshId: "mesh-1", accessVersion: 99 },
        views: [{ rcc: "db", originUid: "b".repeat(32), isLoaded: true, revision: 99 }],
      });
    if (asked["facts"] !== true) return files(connection);
    const facts = Buffer.from(JSON.stringify(accessFacts(8, [{}])));
    await send(connection, { type: "file", rcc: null, bytes: facts.length });
    await connection.send(partFrame(facts));
    await send(connection, { type: "end" });
  });
}

const say = (message: unknown): Buffer => messageFrame(message as Answer);

test("[PEE5] a relay that has the key and says anything else than a file of the size that it said is left, and nothing of it stays", async () => {
  const part = partFrame(Buffer.alloc(100_000));
  const endless = async (connection: PeerConnection, frame: Buffer): Promise<void> => {
    // One a turn: whoever is asked lives in this process too.
    for (;;) {
      await connection.send(frame);
      await nextTurn();
    }
  };
  const cases: readonly ((connection: PeerConnection) => Promise<void>)[] = [
    (connection) => endless(connection, part),
    (connection) => endless(connection, say({ type: "file", rcc: "db", bytes: 0 })),
    async (connection) => {
      await connection.send(say({ type: "file", rcc: "db", bytes: 10 }));
      await endless(connection, part);
    },
    async (connection) => {
      await connection.send(say({ type: "file", rcc: "db", bytes: 1_000_000_000 }));
      await endless(connection, partFrame(Buffer.alloc(0)));
    },
    async (connection) => {
      await connection.send(say({ type: "file", rcc: "db", bytes: 2 ** 40 }));
      await endless(connection, part);
    },
    (connection) => connection.send(say({ type: "file", rcc: "../x", bytes: 1 })),
    (connection) => connection.send(say({ type: "file", rcc: "web", bytes: 1 })),
    (connection) => connection.send(say({ type: "end" })),
    (connection) => connection.send(say({ type: "positions", facts: null, views: [] })),
    (connection) => connection.send(Buffer.from("m{")),
    (connection) => connection.send(Buffer.alloc(0)),
    // Says nothing more, and keeps the connection.
    async (connection) => connection.send(say({ type: "file", rcc: "db", bytes: 10 })),
    async (connection) => connection.close(),
  ];
  const good = await rig.serve(stored(rig, 1, 2), FACTS);
  for (const files of cases) {
    const { dir, report, facts } = await rig.ask([await hostile(files), good]);
    expect(facts?.accessVersion).toBe(8);
    expect(report).toMatchObject({ lacking: [], views: [{ rcc: "db", peer: good }] });
    expect(filesOf(dir)).toEqual(["db.view"]);
  }
});

test("[PEE1] one that sends for ever, a little at a time, is left when the time for all is over", async () => {
  const drops = await hostile(async (connection) => {
    await connection.send(say({ type: "file", rcc: "db", bytes: 1_000_000 }));
    for (;;) {
      await connection.send(partFrame(Buffer.of(1)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const limits = { ...SHORT, totalMs: 400 };
  const { dir, report } = await rig.ask([drops], { limits });
  expect(report).toMatchObject({ lacking: ["db"], message: "not all came within 0.4 s" });
  expect(filesOf(dir)).toEqual([]);
});

test("[PEE5] what is no relay at all is left: silence, noise without an end, a handshake and noise", async () => {
  const noise = Buffer.alloc(64 * 1024, 0x61);
  const others = [
    await rig.serveBy(() => undefined),
    await rig.serveBy((socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(noise));
      };
      socket.on("drain", more);
      more();
    }),
    await rig.serveBy((socket) => {
      acceptTls(socket, OTHERS)
        .on("error", () => undefined)
        .on("secure", () => socket.write(noise));
    }),
    await rig.serveBy((socket) => socket.destroy()),
    "127.0.0.1:1",
  ];
  const { report } = await rig.ask([...others, await rig.serve(stored(rig), FACTS)]);
  expect(report).toMatchObject({ asked: 6, answered: 1, lacking: [], message: null });
});
