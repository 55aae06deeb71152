/**
 * A hub that may open few files, and a member that takes all sockets it gets and comes back for
 * more in a storm: the hub's process lives, who was connected stays and goes on, new ones are
 * refused by name, and there is room for others in the end.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";

import { helloOf } from "../bench/attacks.ts";
import { addCluster } from "../../shared/api/clusters.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { MockMesh } from "../../cli/mock/mock-mesh.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { adminOf } from "../support/hub-api.ts";
import { eventually } from "../support/mesh-rig.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const FILES = 600;
const QUIET = { clusters: 2, endpoints: 20, rate: 20, sees: 1, prefix: "quiet" } as const;
const STORMS = 3;
/** In each storm, far more than there is room for. */
const DIALS = 800;
/** Connections that are no sockets yet are the proxy's to bound. [CRE20] */
const AT_ONCE = 20;

const root = mkdtempSync(join(tmpdir(), "catwalk-hub-full-"));
let program: ChildProcess;
let hub: { readonly url: string; readonly adminToken: string; readonly maxSockets: number };

/** As `catwalk hub` says it in its one JSON line. */
interface HubLine {
  readonly url: string;
  readonly maxSockets: number;
}

beforeAll(async () => {
  const words = ["hub", "--listen", "127.0.0.1:0", "--data", join(root, "hub")];
  const script = `ulimit -n ${FILES}; exec "$0" "$@"`;
  program = spawn("/bin/sh", ["-c", script, process.execPath, MAIN, ...words], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: program.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, "line")) as [string];
  const { url, maxSockets } = JSON.parse(line) as unknown as HubLine;
  const adminToken = readFileSync(join(root, "hub/admin-token"), "utf8").trim();
  hub = { url, adminToken, maxSockets };
});

afterAll(async () => {
  const ended = once(program, "exit");
  program.kill("SIGTERM");
  await ended;
  rmSync(root, { recursive: true, force: true });
});

async function joined(name: string): Promise<Credentials> {
  const body = { name };
  const { joinToken } = await adminOf(hub, "m").call(addCluster, { params: { mesh: "m" }, body });
  const credentials = await Credentials.open(join(root, name));
  await credentials.join(hub.url, joinToken);
  return credentials;
}

function workerd(): string {
  const of = (pid: string): string[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return [String(program.pid)].flatMap(of).flatMap(of).join(" ");
}

/** Whether a socket is opened; it is closed again. */
async function isLetIn(url: string, headers: Record<string, string>): Promise<boolean> {
  const socket = new WebSocket(url, { headers });
  const isIn = await once(socket, "open").then(
    () => true,
    () => false,
  );
  socket.terminate();
  return isIn;
}

test("[API8] [API14] [API64] at the limit new sockets are refused and old ones live, in a storm that comes again and again", async () => {
  expect(hub.maxSockets).toBe((FILES * 3) / 4);
  await adminOf(hub, "m").call(createMesh, { body: { name: "m" } });
  const homeUrl = `${hub.url.replace("http", "ws")}/v1/connect/home`;
  const member = await joined("member");
  const quiet = new MockMesh(adminOf(hub, "m"), QUIET);
  await quiet.start();
  await quiet.startReaders();
  quiet.startChanges();
  const pid = workerd();
  const open = new Set<WebSocket>();
  const refused = new Map<number, number>();
  let dials = 0;
  const dial = async (): Promise<void> => {
    const socket = new WebSocket(homeUrl, { headers: await member.headers() });
    socket.on("error", () => undefined);
    socket.once("close", () => open.delete(socket));
    await new Promise<void>((resolve) => {
      socket.once("open", () => {
        open.add(socket);
        // Else it would be closed as one that says nothing. [PRO5]
        const hello = { ...helloOf("home"), candidate: `relay-${dials++}` };
        socket.send(encodeMessage(hello as Message));
        resolve();
      });
      socket.once("close", () => resolve());
      socket.once("unexpected-response", (_, response) => {
        const status = response.statusCode ?? 0;
        refused.set(status, (refused.get(status) ?? 0) + 1);
        response.resume();
        // Else its connection stays open, and is an idle one.
        socket.terminate();
        resolve();
      });
    });
  };
  let lost = 0;
  for (let storm = 0; storm < STORMS; storm++) {
    let left = DIALS;
    const one = async (): Promise<void> => {
      while (left-- > 0) {
        await dial();
        const { connected, readers, caughtUp } = quiet.stats();
        if (connected < QUIET.clusters || caughtUp < readers) lost++;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    // Those of the storm before counted until the hub had heard that they are gone.
    await eventually(
      async () => {
        await dial();
        return open.size;
      },
      (size) => size > hub.maxSockets / 2,
    );
    // Four fifths at most: others find room while it holds all that it can.
    expect(open.size).toBeLessThanOrEqual(hub.maxSockets * 0.8 + AT_ONCE);
    const { delivered } = quiet.stats();
    await eventually(
      async () => quiet.stats().delivered,
      (now) => now > delivered,
    );
    const other = await joined(`new-${storm}`);
    // As a relay does, which dials again: those of the storm before may still count. [API64]
    await eventually(
      async () => isLetIn(homeUrl, await other.headers()),
      (isIn) => isIn,
    );
    for (const each of open) each.terminate();
    open.clear();
  }
  expect([...refused.keys()]).toEqual([503]);
  expect(workerd()).toBe(pid);
  expect(lost).toBe(0);
  await quiet.stop(false);
});
