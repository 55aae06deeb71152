/** What a relay gets of others, whoever they are and whatever they do: real connections, real files. */
import { createHash, randomInt } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import { afterEach, expect, test } from "vitest";

import { askPositions } from "../../../relay/peers/ask.ts";
import { PeerConnection } from "../../../relay/peers/connection.ts";
import { messageFrame, partFrame, readAnswer } from "../../../relay/peers/messages.ts";
import type { Answer } from "../../../relay/peers/messages.ts";
import { Handshake } from "../../../relay/peers/sealed-frames.ts";
import { splitHostPort } from "../../../relay/typha/dial.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { OTHER_SECRET, PeerRig, SECRET, SHORT } from "../../support/peer-rig.ts";
import { pod } from "../../support/records.ts";
import { accessFacts, writeView, writeViewOf } from "../../support/stored-view.ts";

const rig = new PeerRig();
afterEach(() => rig.close());

const FACTS = accessFacts(7, [{}]);
const viewOf = (dir: string, rcc = "db"): string => join(dir, "views", `${rcc}.view`);
const hashOf = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");
const filesOf = (dir: string): string[] =>
  existsSync(join(dir, "views")) ? readdirSync(join(dir, "views")) : [];
const pods = (count: number) =>
  Array.from({ length: count }, (_, n) => pod(`p${n}`, `10.20.${n >> 8}.${n & 255}`));

/** A folder with a view of `db`. */
function stored(revision = 1, count = 1): string {
  const dir = rig.folder();
  writeViewOf(dir, { revision }, ...pods(count));
  return dir;
}

function ipsOf(dir: string, facts = FACTS): string[] {
  return [...rig.remotes(dir, facts).served()].flatMap(({ held }) =>
    "ips" in held.record ? held.record.ips : [],
  );
}

test("[PEE1] facts and views come as they are on the other's disk, and are served from there", async () => {
  const from = stored(1, 2_000);
  const { dir, facts, report } = await rig.ask([await rig.serve(from, FACTS)]);
  expect(facts).toEqual(FACTS);
  expect(report).toMatchObject({ lacking: [], message: null, facts: { accessVersion: 7 } });
  expect(hashOf(viewOf(dir))).toBe(hashOf(viewOf(from)));
  expect(statSync(viewOf(dir)).mode & 0o777).toBe(0o600);
  expect(ipsOf(dir)).toHaveLength(2_000);
});

test("[PEE1] nobody is asked when nothing is lacking, or of a mesh that the relay has left", async () => {
  const has = stored();
  expect((await rig.ask(["127.0.0.1:1"], { dir: has, own: FACTS })).report).toBe(null);
  const left = accessFacts(3, [{}], "mesh-0");
  expect((await rig.ask(["127.0.0.1:1"], { own: left })).report).toBe(null);
});

test("[PEE4] own facts stay, also where the others' are newer or older; only the view that is lacking comes", async () => {
  for (const theirs of [5, 9]) {
    const address = await rig.serve(stored(), accessFacts(theirs, [{}]));
    const { dir, facts, report } = await rig.ask([address], { own: FACTS });
    expect(facts).toBe(FACTS);
    expect(report).toMatchObject({ facts: null, views: [{ rcc: "db" }] });
    expect(ipsOf(dir)).toEqual(["10.20.0.0"]);
  }
});

test("[PEE4] a view that holds anything is not replaced by a further one; one that is only begun is", async () => {
  const address = await rig.serve(stored(50, 3), FACTS);
  const dir = stored(2, 1);
  const before = hashOf(viewOf(dir));
  const more = accessFacts(7, [{}, { rcc: "web" }]);
  const kept = await rig.ask([address], { dir, own: more });
  expect(kept.report).toMatchObject({ views: [], lacking: ["web"] });
  expect(hashOf(viewOf(dir))).toBe(before);
  const begun = rig.folder();
  rig.remotes(begun, FACTS).stop();
  expect(statSync(viewOf(begun)).size).toBeGreaterThan(0);
  await rig.ask([address], { dir: begun, own: FACTS });
  expect(ipsOf(begun)).toHaveLength(3);
});

test("[PEE4] the newest facts and the furthest views come, each of whoever has them", async () => {
  const web = { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } };
  const newest = accessFacts(9, [{}, web]);
  const first = stored(5, 1);
  const second = stored(8, 2);
  writeViewOf(first, { rcc: "web", originUid: "c".repeat(32), revision: 4 }, ...pods(4));
  writeViewOf(second, { rcc: "web", originUid: "c".repeat(32), revision: 3 }, ...pods(3));
  const [a, b] = [
    await rig.serve(first, accessFacts(8, [{}, web])),
    await rig.serve(second, newest),
  ];
  const { dir, facts, report } = await rig.ask([a, b]);
  expect(facts).toEqual(newest);
  expect(report?.facts?.peer).toBe(b);
  expect(new Map(report?.views.map(({ rcc, peer }) => [rcc, peer]))).toEqual(
    new Map([
      ["db", b],
      ["web", a],
    ]),
  );
  expect(ipsOf(dir, newest)).toHaveLength(6);
});

test("[PEE4] facts of another mesh or another cluster are refused, and so are names that are none", async () => {
  const good = rig.folder();
  writeView(good, ...pods(1));
  const bad = [
    accessFacts(7, [{}], "mesh-2"),
    { ...FACTS, cluster: { uid: "z".repeat(32), name: "app" } },
    accessFacts(7, [{ rcc: "../../etc/x", state: "not-granted" }]),
  ];
  for (const facts of bad) {
    const { dir, facts: got, report } = await rig.ask([await rig.serve(good, facts)]);
    expect(got).toBe(null);
    expect(report?.message).toBe("no other relay knows what this cluster may see");
    expect(filesOf(dir)).toEqual([]);
  }
});

test("[PEE4] a view of another remote, damaged or begun by nobody, costs itself only: the next relay's comes", async () => {
  const good = await rig.serve(stored(1, 2), FACTS);
  const damages: ((path: string) => void)[] = [
    (path) => appendFileSync(path, "rest"),
    (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    (path) => writeFileSync(path, Buffer.alloc(4_096, 7)),
    (path) => writeFileSync(path, ""),
    (path) => writeFileSync(path, "catwalk-view-1\nabc"),
  ];
  for (const damage of damages) {
    const from = stored(99, 1);
    const bad = await rig.serve(from, FACTS);
    // After it was opened: its own relay does not know yet.
    damage(viewOf(from));
    const { dir, report } = await rig.ask([bad, good]);
    expect(report).toMatchObject({ lacking: [], views: [{ rcc: "db", peer: good }] });
    expect(ipsOf(dir)).toHaveLength(2);
    expect(filesOf(dir)).toEqual(["db.view"]);
  }
  const alone = rig.folder();
  writeViewOf(alone, { revision: 9 }, ...pods(1));
  const wrong = await rig.serve(alone, FACTS);
  renameSync(viewOf(stored(1, 1)), viewOf(alone));
  writeViewOf(alone, { rcc: "other", originUid: "d".repeat(32) }, ...pods(1));
  renameSync(viewOf(alone, "other"), viewOf(alone));
  const { dir, report } = await rig.ask([wrong]);
  expect(report?.lacking).toEqual(["db"]);
  expect(filesOf(dir)).toEqual([]);
});

test("[PEE3] who has another key gets nothing, and gives nothing", async () => {
  const address = await rig.serve(stored(), FACTS, { secret: OTHER_SECRET });
  const { dir, facts, report } = await rig.ask([address]);
  expect(facts).toBe(null);
  expect(report).toMatchObject({ answered: 0, views: [], message: "no other relay answered" });
  expect(filesOf(dir)).toEqual([]);
  const asking = { secret: SECRET, limits: SHORT, signal: new AbortController().signal };
  await expect(askPositions(address, asking)).rejects.toThrow(
    /closed the connection|ECONNRESET|EPIPE/,
  );
});

test("[PEE3] a bit that is changed on the way anywhere, or a cut, costs only that answer", async () => {
  const from = stored(9, 500);
  const through = await rig.serve(from, FACTS);
  const whole = statSync(viewOf(from)).size;
  const good = await rig.serve(stored(1, 2), FACTS);
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
  const good = await rig.serve(stored(1, 2), FACTS);
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

test("[PEE5] what is no relay at all is left: silence, noise without an end, a hello and noise", async () => {
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
      socket.write(Buffer.concat([new Handshake(OTHER_SECRET, "asked").hello, noise]));
    }),
    await rig.serveBy((socket) => socket.destroy()),
    "127.0.0.1:1",
  ];
  const { report } = await rig.ask([...others, await rig.serve(stored(), FACTS)]);
  expect(report).toMatchObject({ asked: 6, answered: 1, lacking: [], message: null });
});

test("[PEE2] a file is sent as it was when it was opened, whatever is appended or renamed over it meanwhile", async () => {
  const from = stored(1, 3_000);
  const before = hashOf(viewOf(from));
  const { size } = statSync(viewOf(from));
  // So slow that it is not yet all on its way.
  const limits = { ...SHORT, bytesPerSecond: size * 2, idleMs: 2_000 };
  const address = await rig.serve(from, FACTS, { limits });
  const connection = await PeerConnection.dial(
    address,
    SECRET,
    2_000,
    new AbortController().signal,
  );
  await connection.send(messageFrame({ type: "files", facts: false, rccs: ["db"] }));
  const parts: Buffer[] = [];
  for (;;) {
    const frame = readAnswer(await connection.receive());
    if (frame.type === "part") parts.push(frame.bytes);
    else if (frame.message.type === "end") break;
    if (parts.length === 1) {
      appendFileSync(viewOf(from), "more");
      writeFileSync(`${viewOf(from)}.new`, "another");
      renameSync(`${viewOf(from)}.new`, viewOf(from));
    }
  }
  connection.close();
  expect(createHash("sha256").update(Buffer.concat(parts)).digest("hex")).toBe(before);
});

test("[PEE2] a view that is withdrawn while it is sent is broken off; one that the cluster may not see is not given", async () => {
  const from = stored(1, 3_000);
  const { size } = statSync(viewOf(from));
  const remotes = rig.remotes(from, FACTS);
  const limits = { ...SHORT, bytesPerSecond: size, idleMs: 2_000 };
  const address = await rig.serve(from, FACTS, { limits, remotes });
  const { signal } = new AbortController();
  const connection = await PeerConnection.dial(address, SECRET, 2_000, signal);
  await connection.send(messageFrame({ type: "files", facts: false, rccs: ["db"] }));
  const first = readAnswer(await connection.receive());
  expect(first).toMatchObject({ message: { type: "file", rcc: "db" } });
  remotes.apply(accessFacts(8, [{ state: "not-granted" }]), false);
  const rest = async (): Promise<void> => {
    for (;;) await connection.receive();
  };
  await expect(rest()).rejects.toThrow(/closed the connection|ECONNRESET/);
  const again = await PeerConnection.dial(address, SECRET, 2_000, signal);
  await again.send(messageFrame({ type: "files", facts: false, rccs: ["db", "nobody"] }));
  expect(readAnswer(await again.receive())).toEqual({ type: "message", message: { type: "end" } });
  again.close();
});

test("[PEE5] so many are sent files, the next are told to wait, and all get them", async () => {
  const from = stored(1, 200);
  const { size } = statSync(viewOf(from));
  const limits = { ...SHORT, transfers: 1, bytesPerSecond: size * 20, idleMs: 2_000 };
  const address = await rig.serve(from, FACTS, { limits });
  const asked = await Promise.all(Array.from({ length: 6 }, () => rig.ask([address], { limits })));
  for (const { dir, report } of asked) {
    expect(report).toMatchObject({ lacking: [], message: null });
    expect(hashOf(viewOf(dir))).toBe(hashOf(viewOf(from)));
  }
});

test("[PEE5] a question of 1,000 remotes is answered; a longer one is refused by its length, before it is known whose it is", async () => {
  const address = await rig.serve(stored(), FACTS);
  const { signal } = new AbortController();
  const longest = Array.from({ length: 999 }, (_, n) => `${n}${"x".repeat(60)}`.slice(0, 63));
  const asks = await PeerConnection.dial(address, SECRET, 1_000, signal);
  await asks.send(messageFrame({ type: "files", facts: false, rccs: [...longest, "db"] }));
  expect(readAnswer(await asks.receive())).toMatchObject({ message: { type: "file", rcc: "db" } });
  asks.close();
  const floods = await PeerConnection.dial(address, OTHER_SECRET, 1_000, signal);
  await floods.send(Buffer.alloc(200 * 1024));
  await expect(floods.receive()).rejects.toThrow(/closed the connection|ECONNRESET|EPIPE/);
});

test("[PEE1] asking that is called off says so, and keeps what has come whole", async () => {
  const two = accessFacts(7, [{}, { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } }]);
  const from = stored();
  writeViewOf(from, { rcc: "web", originUid: "c".repeat(32) }, ...pods(3_000));
  const { size } = statSync(viewOf(from, "web"));
  const limits = { ...SHORT, bytesPerSecond: size / 4, idleMs: 2_000, totalMs: 60_000 };
  const calledOff = new AbortController();
  const dir = rig.folder();
  const asking = rig.ask([await rig.serve(from, two, { limits })], {
    dir,
    limits,
    signal: calledOff.signal,
  });
  await eventually(
    () => Promise.resolve(filesOf(dir)),
    (files) => files.includes("db.view") && files.includes("web.view.from-peer"),
  );
  calledOff.abort();
  expect((await asking).report).toMatchObject({
    message: "called off: the hub is there",
    views: [{ rcc: "db" }],
    lacking: ["web"],
  });
  expect(filesOf(dir)).toEqual(["db.view"]);
});

test("[PEE5] connections that say nothing are ended, also those beyond the bound; others are served then", async () => {
  const limits = { ...SHORT, connections: 8 };
  const address = await rig.serve(stored(), FACTS, { limits });
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

test("[PEE1] a disk that takes nothing, and halves of a process that was killed, keep nobody from starting", async () => {
  const address = await rig.serve(stored(), FACTS);
  const full = rig.folder();
  writeFileSync(join(full, "views"), "a file in the folder's place");
  expect((await rig.ask([address], { dir: full, own: FACTS })).report).toMatchObject({
    lacking: ["db"],
    views: [],
  });
  const dir = rig.folder();
  mkdirSync(join(dir, "views"));
  writeFileSync(join(dir, "views/db.view.from-peer"), "half");
  writeFileSync(join(dir, "views/gone.view.from-peer"), "half");
  await rig.ask([address], { dir });
  expect(filesOf(dir)).toEqual(["db.view"]);
});
