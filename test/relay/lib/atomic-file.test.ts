/** Files of a state folder that somebody else writes to as well. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { writeFileAtomically } from "../../../relay/lib/atomic-file.ts";
import { ReceivedView } from "../../../relay/peers/received-view.ts";
import { viewOf } from "../../support/peer-files.ts";
import { pod } from "../../support/records.ts";
import { writeView } from "../../support/stored-view.ts";

let dir = "";
let victim = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "catwalk-links-"));
  victim = join(dir, "victim");
  writeFileSync(victim, "of somebody else");
});
afterEach(() => {
  expect(readFileSync(victim, "utf8")).toBe("of somebody else");
  rmSync(dir, { recursive: true });
});

test("[FLT7] a file is written beside a planted link, not through it", () => {
  const path = join(dir, "access.json");
  symlinkSync(victim, `${path}.new`);
  symlinkSync(victim, path);
  writeFileAtomically(path, "facts");
  expect(readFileSync(path, "utf8")).toBe("facts");
  expect(lstatSync(path).isSymbolicLink()).toBe(false);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir).toSorted()).toEqual(["access.json", "victim"]);
});

test("[FLT7] where it cannot be written, the file is as it was", () => {
  const path = join(dir, "access.json");
  writeFileSync(path, "before");
  mkdirSync(`${path}.new`);
  expect(() => writeFileAtomically(path, "after")).toThrow();
  expect(readFileSync(path, "utf8")).toBe("before");
});

test("[FLT7] a view is not written through a planted link", () => {
  mkdirSync(join(dir, "views"));
  symlinkSync(victim, viewOf(dir));
  writeView(dir, pod("a", "10.20.0.1"));
  expect(lstatSync(viewOf(dir)).isSymbolicLink()).toBe(false);
  expect(statSync(viewOf(dir)).size).toBeGreaterThan(100);
});

test("[FLT7] nor is what comes from another relay", async () => {
  mkdirSync(join(dir, "views"));
  symlinkSync(victim, `${viewOf(dir)}.from-peer`);
  const expected = { rcc: "db", meshId: "mesh-1", originUid: "b".repeat(32) };
  const view = new ReceivedView(dir, expected);
  await view.create();
  await view.writePart(Buffer.from("what came"));
  expect(readFileSync(`${viewOf(dir)}.from-peer`, "utf8")).toBe("what came");
  await view.discard();
});
