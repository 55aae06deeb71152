import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, expect, test } from "vitest";

import { startHub } from "../../../cli/launch/hub.ts";
import { parseListen, PortTakenError } from "../../../cli/launch/listen.ts";
import type { RunningHub } from "../../../cli/launch/hub.ts";

const root = mkdtempSync(join(tmpdir(), "catwalk-hub-"));
const BIN = new URL("../../../bin/catwalk.js", import.meta.url).pathname;
const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;

afterAll(() => rmSync(root, { recursive: true, force: true }));

const quiet = { listen: "127.0.0.1:0", log: () => {} };

async function call(
  hub: RunningHub,
  method: string,
  path: string,
  body?: object,
): Promise<Response> {
  return fetch(new URL(path, hub.url), {
    method,
    headers: { authorization: `Bearer ${hub.adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Processes whose command line has the text: of workerd, its configuration's path. */
function processesWith(text: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return line.includes(text) && line.includes("workerd");
      } catch {
        return false; // Gone in the meantime.
      }
    });
}

/** A process that was listed may be gone by now: of a listing that took long, on a busy machine. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

test("[CLI20] a hub keeps its meshes, its key and its token over a restart", async () => {
  const dataDir = join(root, "restart");
  const first = await startHub({ ...quiet, dataDir });
  expect((await call(first, "POST", "/v1/meshes", { name: "demo" })).status).toBe(201);
  await first.stop();
  const key = readFileSync(join(dataDir, "hub-key.jwk"), "utf8");
  const second = await startHub({ ...quiet, dataDir });
  try {
    expect(second.adminToken).toBe(first.adminToken);
    expect(await (await call(second, "GET", "/v1/meshes")).json()).toMatchObject({
      items: [{ name: "demo" }],
    });
    expect(readFileSync(join(dataDir, "hub-key.jwk"), "utf8")).toBe(key);
    for (const file of ["hub-key.jwk", "admin-token"])
      expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, "workerd.capnp"), "utf8")).not.toContain(first.adminToken);
    const refused = await fetch(new URL("/v1/connect/home", second.url));
    expect(refused.status).toBe(401);
    expect(Math.abs(Date.parse(refused.headers.get("date") ?? "") - Date.now())).toBeLessThan(5000);
  } finally {
    await second.stop();
  }
  await until("workerd is gone", () => processesWith(dataDir).length === 0);
});

test("[CLI21] a taken port and a data folder in use are said", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await until("the port is taken", () => server.listening);
  const { port } = server.address() as AddressInfo;
  const dataDir = join(root, "taken");
  await expect(startHub({ ...quiet, listen: `127.0.0.1:${port}`, dataDir })).rejects.toThrow(
    PortTakenError,
  );
  server.close();
  const hub = await startHub({ ...quiet, dataDir });
  try {
    await expect(startHub({ ...quiet, dataDir })).rejects.toThrow("another hub is running");
  } finally {
    await hub.stop();
  }
});

test("[CLI22] workerd that dies is started again, with what it had committed", async () => {
  const dataDir = join(root, "dies");
  const hub = await startHub({ ...quiet, dataDir });
  try {
    await call(hub, "POST", "/v1/meshes", { name: "demo" });
    const before = processesWith(dataDir);
    expect(before.length).toBeGreaterThan(0);
    for (const pid of before.filter((pid) => pid !== hub.pid())) killIfThere(pid);
    await until("it answers again", async () => {
      const answer = await call(hub, "GET", "/v1/meshes/demo").catch(() => null);
      return answer?.status === 200 && !processesWith(dataDir).some((pid) => before.includes(pid));
    });
  } finally {
    await hub.stop();
  }
});

test("[API8] a socket takes one open file of the hub", async () => {
  const dataDir = join(root, "files");
  const hub = await startHub({ ...quiet, dataDir });
  const { hostname, port } = new URL(hub.url);
  const workerd = processesWith(dataDir).find((pid) => pid !== hub.pid());
  const open = (): number => readdirSync(`/proc/${workerd}/fd`).length;
  const sockets: Socket[] = [];
  try {
    // The start has asked it a question; that socket is closed soon.
    let before = open();
    await until("the start's question is closed", async () => {
      const earlier = before;
      await new Promise((done) => setTimeout(done, 50));
      return (before = open()) === earlier;
    });
    for (let n = 0; n < 50; n++) {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      // Answered, so that what the hub opens for a connection is open.
      socket.write("GET /healthz HTTP/1.1\r\nhost: hub\r\n\r\n");
      await once(socket, "data");
    }
    expect(open() - before).toBeGreaterThanOrEqual(sockets.length);
    expect(open() - before).toBeLessThan(sockets.length * 1.2);
  } finally {
    for (const socket of sockets) socket.destroy();
    await hub.stop();
  }
});

for (const [what, program] of [
  ["launcher", MAIN],
  ["bin/catwalk.js around it", BIN],
] as const)
  test(`[CLI8] a ${what} that is killed leaves no workerd behind`, async () => {
    const dataDir = join(root, `killed ${what.length}`);
    const launcher = spawn(
      process.execPath,
      [program, "hub", "--listen", "127.0.0.1:0", "--data", dataDir],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    const line = await new Promise<string>((resolve) =>
      createInterface({ input: launcher.stdout }).once("line", resolve),
    );
    expect(JSON.parse(line)).toMatchObject({ event: "listening", url: expect.any(String) });
    expect(processesWith(dataDir).length).toBeGreaterThan(0);
    launcher.kill("SIGKILL");
    await until("workerd is gone", () => processesWith(dataDir).length === 0);
  });

test("[CLI20] SIGTERM ends a hub and its workerd, and the status is 0", async () => {
  const dataDir = join(root, "term");
  const tokenFile = join(root, "own-token");
  const launcher = spawn(
    process.execPath,
    [MAIN, "hub", "--listen", "127.0.0.1:0", "--data", dataDir, "--admin-token-file", tokenFile],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  await new Promise((resolve) => createInterface({ input: launcher.stdout }).once("line", resolve));
  expect(existsSync(tokenFile)).toBe(true);
  const code = new Promise((resolve) => launcher.once("exit", resolve));
  launcher.kill("SIGTERM");
  expect(await code).toBe(0);
  expect(processesWith(dataDir)).toEqual([]);
});

test("[CLI21] --listen is HOST:PORT", () => {
  expect(parseListen("127.0.0.1:80")).toEqual({ host: "127.0.0.1", port: 80 });
  expect(parseListen("[::1]:80")).toEqual({ host: "::1", port: 80 });
  expect(parseListen(":80")).toEqual({ host: "0.0.0.0", port: 80 });
  for (const text of ["80", "host", "host:", "host:99999", "::1:80", "a b:x"])
    expect(() => parseListen(text)).toThrow("HOST:PORT");
});
