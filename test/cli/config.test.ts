import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { loadConfig } from "../../cli/admin/config.ts";

let root: string;
let cwd: string;
let home: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "catwalk-config-"));
  cwd = join(root, "work/deep/folder");
  home = join(root, "home");
  for (const folder of [cwd, join(root, "work/.catwalk"), join(home, ".config/catwalk")])
    mkdirSync(folder, { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true }));

const near = (text: string): void => writeFileSync(join(root, "work/.catwalk/config.yaml"), text);
const far = (text: string): void => writeFileSync(join(home, ".config/catwalk/config.yaml"), text);

test("[CLI2] flags come before CATWALK_*, that before the nearest .catwalk, that before the home folder", () => {
  far("server: http://home\nmesh: home\nrelays: {app: http://h, web: http://w}\n");
  expect(loadConfig({}, { cwd, home, env: {} })).toMatchObject({ server: "http://home" });
  near("server: http://near\ntokenFile: token\nrelays: {app: http://a}\n");
  writeFileSync(join(root, "work/.catwalk/token"), "near-token\n");
  expect(loadConfig({}, { cwd, home, env: {} })).toEqual({
    server: "http://near",
    mesh: "home",
    token: "near-token",
    tokenFrom: `of ${join(root, "work/.catwalk/token")}`,
    relays: { app: "http://a" },
  });
  const env = { CATWALK_SERVER: "http://env", CATWALK_MESH: "env", CATWALK_TOKEN: "env-token" };
  expect(loadConfig({}, { cwd, home, env })).toMatchObject({
    server: "http://env",
    mesh: "env",
    token: "env-token",
  });
  writeFileSync(join(cwd, "flag-token"), "flag-token");
  const flags = { server: "http://flag", mesh: "flag", tokenFile: "flag-token" };
  expect(loadConfig(flags, { cwd, home, env })).toMatchObject({
    server: "http://flag",
    mesh: "flag",
    token: "flag-token",
  });
});

test("[CLI2] CATWALK_CONFIG names a file that comes before those that are found; one that is not there is an error", () => {
  far("server: http://home\n");
  near("server: http://near\nmesh: near\n");
  writeFileSync(join(root, "named.yaml"), "server: http://named\n");
  const env = { CATWALK_CONFIG: "../../../named.yaml" };
  expect(loadConfig({}, { cwd, home, env })).toMatchObject({
    server: "http://named",
    mesh: "near",
  });
  expect(() => loadConfig({}, { cwd, home, env: { CATWALK_CONFIG: "no.yaml" } })).toThrow(
    "no.yaml",
  );
});

test("[CLI2] relays of a file are known only while its server and mesh are the chosen ones", () => {
  near("server: http://near/\nmesh: demo\nrelays: {app: http://a}\n");
  const relays = (env: NodeJS.ProcessEnv, flags = {}): unknown =>
    loadConfig(flags, { cwd, home, env }).relays;
  expect(relays({})).toEqual({ app: "http://a" });
  expect(relays({ CATWALK_SERVER: "http://NEAR" })).toEqual({ app: "http://a" });
  expect(relays({ CATWALK_SERVER: "http://other" })).toEqual({});
  expect(relays({ CATWALK_MESH: "prod" })).toEqual({});
  expect(relays({}, { mesh: "prod" })).toEqual({});
  expect(relays({}, { server: "http://other" })).toEqual({});
});

test("[CLI2] without any file or variable nothing is known, and nothing is written", () => {
  expect(loadConfig({}, { cwd, home, env: {} })).toEqual({
    server: undefined,
    mesh: undefined,
    token: undefined,
    relays: {},
  });
});

test("[CLI2] a wrong config file is an error that names file and field", () => {
  for (const [text, words] of [
    ["server: 5\n", "server"],
    ["sever: http://x\n", "sever: is not a known field"],
    ["server: [\n", "config.yaml"],
    ["relays: {a: nope}\n", "relays.a"],
    ["tokenFile: missing\n", "missing"],
  ] as const) {
    near(text);
    expect(() => loadConfig({}, { cwd, home, env: {} })).toThrow(words);
  }
});
