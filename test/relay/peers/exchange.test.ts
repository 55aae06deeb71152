/** What a relay gets of others, whatever happens meanwhile: real connections, real files. */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { PeerConnection } from "../../../relay/peers/connection.ts";
import { messageFrame, readAnswer } from "../../../relay/peers/messages.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { FACTS, filesOf, hashOf, ipsOf, pods, stored, viewOf } from "../../support/peer-files.ts";
import { OWN, PeerRig, SHORT } from "../../support/peer-rig.ts";
import { accessFacts, writeView, writeViewOf } from "../../support/stored-view.ts";

const rig = new PeerRig();
afterEach(() => rig.close());

test("[PEE1] facts and views come as they are on the other's disk, and are served from there", async () => {
  const from = stored(rig, 1, 2_000);
  const { dir, facts, report } = await rig.ask([await rig.serve(from, FACTS)]);
  expect(facts).toEqual(FACTS);
  expect(report).toMatchObject({ lacking: [], message: null, facts: { accessVersion: 7 } });
  expect(hashOf(viewOf(dir))).toBe(hashOf(viewOf(from)));
  expect(statSync(viewOf(dir)).mode & 0o777).toBe(0o600);
  expect(ipsOf(rig, dir)).toHaveLength(2_000);
});

test("[PEE1] nobody is asked when nothing is lacking, or of a mesh that the relay has left", async () => {
  const has = stored(rig);
  expect((await rig.ask(["127.0.0.1:1"], { dir: has, own: FACTS })).report).toBe(null);
  const left = accessFacts(3, [{}], "mesh-0");
  expect((await rig.ask(["127.0.0.1:1"], { own: left })).report).toBe(null);
});

test("[PEE4] own facts stay, also where the others' are newer or older; only the view that is lacking comes", async () => {
  for (const theirs of [5, 9]) {
    const address = await rig.serve(stored(rig), accessFacts(theirs, [{}]));
    const { dir, facts, report } = await rig.ask([address], { own: FACTS });
    expect(facts).toBe(FACTS);
    expect(report).toMatchObject({ facts: null, views: [{ rcc: "db" }] });
    expect(ipsOf(rig, dir)).toEqual(["10.20.0.0"]);
  }
});

test("[PEE4] [PEE9] a view that holds anything is not replaced by a further one; one that is only begun is", async () => {
  const address = await rig.serve(stored(rig, 50, 3), FACTS);
  const dir = stored(rig, 2, 1);
  const before = hashOf(viewOf(dir));
  const more = accessFacts(7, [{}, { rcc: "web" }]);
  const kept = await rig.ask([address], { dir, own: more });
  expect(kept.report).toMatchObject({ views: [], lacking: ["web"] });
  expect(hashOf(viewOf(dir))).toBe(before);
  const begun = rig.folder();
  rig.remotes(begun, FACTS).stop();
  expect(statSync(viewOf(begun)).size).toBeGreaterThan(0);
  await rig.ask([address], { dir: begun, own: FACTS });
  expect(ipsOf(rig, begun)).toHaveLength(3);
});

test("[PEE4] the newest facts and the furthest views come, each of whoever has them", async () => {
  const web = { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } };
  const newest = accessFacts(9, [{}, web]);
  const first = stored(rig, 5, 1);
  const second = stored(rig, 8, 2);
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
  expect(ipsOf(rig, dir, newest)).toHaveLength(6);
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
  const good = await rig.serve(stored(rig, 1, 2), FACTS);
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
    const from = stored(rig, 99, 1);
    const bad = await rig.serve(from, FACTS);
    // After it was opened: its own relay does not know yet.
    damage(viewOf(from));
    const { dir, report } = await rig.ask([bad, good]);
    expect(report).toMatchObject({ lacking: [], views: [{ rcc: "db", peer: good }] });
    expect(ipsOf(rig, dir)).toHaveLength(2);
    expect(filesOf(dir)).toEqual(["db.view"]);
  }
  const alone = rig.folder();
  writeViewOf(alone, { revision: 9 }, ...pods(1));
  const wrong = await rig.serve(alone, FACTS);
  renameSync(viewOf(stored(rig, 1, 1)), viewOf(alone));
  writeViewOf(alone, { rcc: "other", originUid: "d".repeat(32) }, ...pods(1));
  renameSync(viewOf(alone, "other"), viewOf(alone));
  const { dir, report } = await rig.ask([wrong]);
  expect(report?.lacking).toEqual(["db"]);
  expect(filesOf(dir)).toEqual([]);
});

test("[PEE2] a file is sent as it was when it was opened, whatever is appended or renamed over it meanwhile", async () => {
  const from = stored(rig, 1, 3_000);
  const before = hashOf(viewOf(from));
  const { size } = statSync(viewOf(from));
  // So slow that it is not yet all on its way.
  const limits = { ...SHORT, bytesPerSecond: size * 2, idleMs: 2_000 };
  const address = await rig.serve(from, FACTS, { limits });
  const connection = await PeerConnection.dial(address, OWN, 2_000, new AbortController().signal);
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
  const from = stored(rig, 1, 3_000);
  const { size } = statSync(viewOf(from));
  const remotes = rig.remotes(from, FACTS);
  const limits = { ...SHORT, bytesPerSecond: size, idleMs: 2_000 };
  const address = await rig.serve(from, FACTS, { limits, remotes });
  const { signal } = new AbortController();
  const connection = await PeerConnection.dial(address, OWN, 2_000, signal);
  await connection.send(messageFrame({ type: "files", facts: false, rccs: ["db"] }));
  const first = readAnswer(await connection.receive());
  expect(first).toMatchObject({ message: { type: "file", rcc: "db" } });
  remotes.followFacts(accessFacts(8, [{ state: "not-granted" }]), false);
  const rest = async (): Promise<void> => {
    for (;;) await connection.receive();
  };
  await expect(rest()).rejects.toThrow(/closed the connection|ECONNRESET/);
  const again = await PeerConnection.dial(address, OWN, 2_000, signal);
  await again.send(messageFrame({ type: "files", facts: false, rccs: ["db", "nobody"] }));
  expect(readAnswer(await again.receive())).toEqual({ type: "message", message: { type: "end" } });
  again.close();
});

test("[PEE1] asking that is called off says so, and keeps what has come whole", async () => {
  const two = accessFacts(7, [{}, { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } }]);
  const from = stored(rig);
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

test("[PEE1] a disk that takes nothing, and halves of a process that was killed, keep nobody from starting", async () => {
  const address = await rig.serve(stored(rig), FACTS);
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
