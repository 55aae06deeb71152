/** How commands end, as processes: with one line, a status, and soon. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { addCluster } from "../../shared/api/clusters.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { startCatwalk } from "../support/catwalk-command.ts";
import type { Ended } from "../support/catwalk-command.ts";
import { adminOf } from "../support/hub-api.ts";
import { startHub } from "../../cli/launch/hub.ts";

const PODS = new URL("../../deploy/demo/db", import.meta.url).pathname;
const CLONE = new URL("../../", import.meta.url).pathname;
const BIN = new URL("../../bin/catwalk.js", import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), "catwalk-endings-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** @param until Sends SIGTERM once this has been printed, or is over. */
function run(args: readonly string[], until?: RegExp | Promise<unknown>): Promise<Ended> {
  const env = { ...process.env, HOME: root, CATWALK_CONFIG: "" };
  const { child, out, err, ended } = startCatwalk(args, { cwd: root, env });
  const end = (): void => void child.kill("SIGTERM");
  const look = (): void => {
    if (until instanceof RegExp && !child.killed && until.test(out() + err())) end();
  };
  if (until instanceof Promise) void until.then(end);
  child.stdout.on("data", look);
  child.stderr.on("data", look);
  return ended;
}

test("[CLI50] a relay whose Typha port is taken ends with 1 and one line, and never says that it is ready", async () => {
  const hub = await startHub({ listen: "127.0.0.1:0", dataDir: join(root, "hub"), log: () => {} });
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const admin = adminOf(hub, "demo");
  await admin.call(createMesh, { body: { name: "demo" } });
  const added = await admin.call(addCluster, { params: { mesh: "demo" }, body: { name: "app" } });
  const ended = await run([
    "relay",
    "--hub",
    hub.url,
    "--join-token",
    added.joinToken,
    "--state",
    join(root, "state"),
    "--manifests",
    PODS,
    "--typha-upstream",
    "127.0.0.1:1",
    "--typha-listen",
    `127.0.0.1:${port}`,
  ]);
  taken.close();
  await hub.stop();
  expect([ended.status, ended.out]).toEqual([1, ""]);
  expect(ended.err.split("\n").filter((line) => line.startsWith("error: "))).toEqual([
    expect.stringMatching(/^error: --typha-listen.*in use/),
  ]);
});

test("[CLI50] SIGTERM while a relay cannot join yet ends it", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const asked = once(silent, "connection");
  const ended = run(
    [
      "relay",
      "--hub",
      `http://127.0.0.1:${port}`,
      "--manifests",
      PODS,
      "--join-token",
      `cwj_demo_${"0".repeat(48)}`,
      "--state",
      join(root, "unjoined"),
    ],
    asked,
  );
  expect(await ended).toMatchObject({ status: 0 });
  silent.close();
});

test.each([
  [["up", "--data", "file/below"], "--data file/below: cannot be made (ENOTDIR"],
  [["up", "--kubeconfig", "none.yaml"], "--kubeconfig: there is no file none.yaml"],
  [["hub", "--data", "file/below", "--listen", "127.0.0.1:0"], "--data file/below: cannot be made"],
  [["hub", "restore", "none.backup", "--data", "made"], "there is no backup none.backup"],
  [
    ["relay", "--state", "file/below", "--hub", "http://127.0.0.1:9", "--manifests", PODS],
    "--state file/below: cannot be made",
  ],
  [["source", "dump", "--manifests", "none"], "--manifests: there is no folder none"],
])("[CLI50] %j ends with 1 and one line", async (args, told) => {
  writeFileSync(join(root, "file"), "");
  const { status, out, err } = await run(args);
  expect([status, out, err.trimEnd().split("\n")]).toEqual([
    1,
    "",
    [expect.stringContaining(`error: ${told}`)],
  ]);
});

test("[CLI50] SIGTERM while up still starts ends it and what it has started", async () => {
  const ended = await run(["up", "--data", join(root, "early")], /Catwalk demo/);
  expect([ended.status, ended.err]).toEqual([0, ""]);
});

test("[CLI50] a reader that has had enough ends a command without a word", async () => {
  const dump = `"${process.execPath}" "${BIN}" source dump --manifests "${PODS}"`;
  const child = spawn("sh", ["-c", `{ ${dump}; echo "status $?" >&2; } | true`], { cwd: root });
  let err = "";
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  await once(child, "close");
  expect(err).toBe("status 0\n");
});

test("[CLI50] SIGTERM to npx ends the command that npx runs, too", async () => {
  const hub = spawn(
    "npx",
    ["--no-install", "catwalk", "hub", "--listen", "127.0.0.1:0", "--data", join(root, "npx")],
    { cwd: CLONE, stdio: ["ignore", "pipe", "ignore"] },
  );
  let out = "";
  for await (const chunk of hub.stdout as AsyncIterable<Buffer>) {
    out += chunk.toString();
    // Its output ends when the last process that holds it does.
    if (out.includes('"listening"') && !hub.killed) hub.kill("SIGTERM");
  }
  expect(out).toContain('"event":"listening"');
});
