import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterEach, expect, test } from "vitest";

import { backupHub } from "../../../cli/launch/backup.ts";
import { lockData } from "../../../cli/launch/data-lock.ts";
import { startHub } from "../../../cli/launch/hub.ts";
import { restoreHub } from "../../../cli/launch/restore.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

const NOW_MS = 1_700_000_000_000;
const ORIGIN = "do/catwalk-OriginObject/0a.sqlite";

/** What a hub leaves on disk, with a database that another process has open and has written to. */
function hubFolder(): { readonly root: string; readonly data: string; readonly db: DatabaseSync } {
  const root = mkdtempSync(join(tmpdir(), "catwalk-backup-"));
  roots.push(root);
  const data = join(root, "hub");
  for (const folder of ["catwalk-MeshObject", "catwalk-OriginObject"])
    mkdirSync(join(data, "do", folder), { recursive: true });
  writeFileSync(join(data, "hub-key.jwk"), "{}\n");
  writeFileSync(join(data, "admin-token"), "cwa_0123456789abcdef\n");
  const mesh = new DatabaseSync(join(data, "do/catwalk-MeshObject/0b.sqlite"));
  mesh.exec("PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES ('mesh')");
  mesh.close();
  const db = new DatabaseSync(join(data, ORIGIN));
  db.exec("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x); BEGIN");
  const insert = db.prepare("INSERT INTO t VALUES (?)");
  for (let i = 0; i < 3_000; i++) insert.run(`row ${i} ${"x".repeat(500)}`);
  db.exec("COMMIT");
  return { root, data, db };
}

function rowsIn(data: string): unknown {
  const db = new DatabaseSync(join(data, ORIGIN));
  const row = db.prepare("SELECT count(*) AS n, max(x) AS last FROM t").get();
  db.close();
  return { ...row };
}

test("[BAK1] a backup holds what was committed, also what is in a log beside its database, and nothing of a transaction under way", () => {
  const { root, data, db } = hubFolder();
  db.exec("BEGIN; INSERT INTO t VALUES ('zzz not committed')");
  const made = backupHub(data, join(root, "b"), "test");
  expect(made).toMatchObject({ file: join(root, "b"), objects: 2 });
  expect(statSync(made.file).mode & 0o077).toBe(0);
  db.exec("COMMIT");
  db.close();
  return restoreHub(made.file, join(root, "again"), NOW_MS).then((restored) => {
    expect(restored).toMatchObject({ objects: 2, software: "test" });
    expect(rowsIn(restored.dataDir)).toEqual({ n: 3_000, last: `row 999 ${"x".repeat(500)}` });
    for (const name of ["hub-key.jwk", "admin-token"])
      expect(readFileSync(join(restored.dataDir, name))).toEqual(readFileSync(join(data, name)));
    expect(statSync(join(restored.dataDir, "hub-key.jwk")).mode & 0o077).toBe(0);
    expect(readdirSync(root).toSorted()).toEqual(["again", "b", "hub"]);
  });
});

test("[BAK1] [BAK5] a backup overwrites nothing, is made of a hub's folder only, and leaves nothing where it fails", () => {
  const { root, data, db } = hubFolder();
  db.close();
  writeFileSync(join(root, "there"), "mine");
  expect(() => backupHub(data, join(root, "there"), "test")).toThrow(
    "a backup is never overwritten",
  );
  expect(readFileSync(join(root, "there"), "utf8")).toBe("mine");
  expect(() => backupHub(root, join(root, "b"), "test")).toThrow("no hub has run with this folder");
  expect(() => backupHub(data, join(root, "no/b"), "test")).toThrow("there is no such folder");
  writeFileSync(join(data, ORIGIN), Buffer.alloc(8_192, 7));
  expect(() => backupHub(data, join(root, "b"), "test")).toThrow(`${ORIGIN} cannot be backed up`);
  expect(readdirSync(root).toSorted()).toEqual(["hub", "there"]);
});

test("[BAK2] a restore takes an empty folder only, of no running hub, and says which rule it keeps", async () => {
  const { root, data, db } = hubFolder();
  db.close();
  const { file } = backupHub(data, join(root, "b"), "test");
  await expect(restoreHub(file, data, NOW_MS)).rejects.toThrow("a restore never overwrites");
  const empty = join(root, "empty");
  mkdirSync(join(empty, "lost+found"), { recursive: true });
  const unlock = await lockData(empty);
  await expect(restoreHub(file, empty, NOW_MS)).rejects.toThrow("another hub is running");
  unlock();
  await restoreHub(file, empty, NOW_MS);
  expect(rowsIn(empty)).toMatchObject({ n: 3_000 });
  for (const [name, rule] of [
    ["hub-key.jwk", "is not a backup of a hub"],
    [ORIGIN, "is not a backup of a hub"],
    ["nowhere", "there is no backup"],
  ] as const)
    await expect(restoreHub(join(data, name), join(root, "new"), NOW_MS)).rejects.toThrow(rule);
  expect(existsSync(join(root, "new"))).toBe(false);
});

test("[BAK2] a damaged backup is told before anything is written: cut, or with a bit of it flipped", async () => {
  const { root, data, db } = hubFolder();
  db.close();
  const { file } = backupHub(data, join(root, "b"), "test");
  const whole = readFileSync(file);
  const target = join(root, "new");
  const refused = async (bytes: Buffer): Promise<void> => {
    writeFileSync(join(root, "bad"), bytes);
    await expect(restoreHub(join(root, "bad"), target, NOW_MS)).rejects.toThrow(
      /is damaged|is not a backup of a hub|newer version/,
    );
    expect(existsSync(target)).toBe(false);
  };
  for (const part of [0.1, 0.5, 0.9]) await refused(whole.subarray(0, whole.length * part));
  // Some bits mean nothing (a page's free space); with any other the file is refused.
  let told = 0;
  for (let step = 0; step < 40; step++) {
    const flipped = Buffer.from(whole);
    const at = Math.floor((whole.length * (step + 0.5)) / 40);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    writeFileSync(join(root, "bad"), flipped);
    try {
      await restoreHub(join(root, "bad"), target, NOW_MS);
    } catch (error) {
      expect((error as Error).message).toContain("is damaged");
      expect(existsSync(target)).toBe(false);
      told++;
      continue;
    }
    for (const path of ["hub-key.jwk", "admin-token"])
      expect(readFileSync(join(target, path))).toEqual(readFileSync(join(data, path)));
    expect(rowsIn(target)).toEqual(rowsIn(data));
    rmSync(target, { recursive: true });
  }
  expect(told).toBeGreaterThan(20);
});

test("[BAK2] a newer format, and a path that no hub has, are refused", async () => {
  const { root, data, db } = hubFolder();
  db.close();
  const { file } = backupHub(data, join(root, "b"), "test");
  const edit = (statement: string): void => {
    const edited = new DatabaseSync(file);
    edited.exec(statement);
    edited.close();
  };
  edit("UPDATE files SET path = '../../../etc/cron.d/x' WHERE path = 'admin-token'");
  await expect(restoreHub(file, join(root, "new"), NOW_MS)).rejects.toThrow("a hub does not have");
  edit("PRAGMA user_version = 2");
  await expect(restoreHub(file, join(root, "new"), NOW_MS)).rejects.toThrow("by a newer version");
});

test("[BAK2] [BAK6] half a restore starts no hub", async () => {
  const { data, db } = hubFolder();
  db.close();
  writeFileSync(join(data, "restore-unfinished"), "");
  await expect(
    startHub({ listen: "127.0.0.1:0", dataDir: data, log: () => undefined }),
  ).rejects.toThrow("holds half a restore");
});
