/**
 * The proxy of `deploy/hub` before a real hub with real relays: idle connections, too many of them,
 * and a storm do not reach the hub, and a pair of clusters that has nothing to do with it goes on.
 * `node test/proxy/run.ts`. Installs HAProxy into `.build` where the machine has none. About a
 * minute. [CRE20]
 */
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";

import { Suite } from "../interop/suite.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { findHaproxy, startHaproxy } from "./haproxy.ts";

const TLS = join(import.meta.dirname, "../fixtures/tls");
const CA_FILE = join(TLS, "ca.pem");
const MAX_CONNECTIONS = 300;
const MAX_PER_ADDRESS = 100;
/** Files that the hub has open besides: databases, pipes, the runtime's own. */
const OTHER_FILES = 100;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A pod that only this run has, so that its arrival is this change's. */
function podYaml(n: number): string {
  return [
    "apiVersion: v1",
    "kind: Pod",
    `metadata: { name: quiet-${n}, namespace: shop, labels: { role: quiet } }`,
    "spec: { nodeName: node-2, containers: [] }",
    `status: { phase: Running, podIPs: [{ ip: 10.20.0.${n} }] }`,
    "",
  ].join("\n");
}

class Idle {
  readonly sockets: Socket[] = [];
  /** Closed by the other end. */
  closed = 0;

  /** Opens connections that say nothing. @param from Source addresses, in turn. */
  async open(port: number, count: number, from: readonly string[]): Promise<void> {
    for (let n = 0; n < count; n++) {
      const localAddress = from[n % from.length] as string;
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      socket.on("error", () => undefined);
      socket.on("close", () => this.closed++);
      this.sockets.push(socket);
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  end(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

const suite = new Suite();
const began = performance.now();
const rig = new MeshRig();
const proxyPort = await freePort();
let proxy: ReturnType<typeof startHaproxy> | null = null;
let pods = 0;

/** A change of db comes to app, whatever happens beside it. */
async function untilQuietPairFlows(): Promise<void> {
  const n = ++pods;
  writeFileSync(join(rig.folder("db"), `quiet-${n}.yaml`), podYaml(n));
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.includes(`10.20.0.${n}`),
  );
}

function hubFiles(): number {
  const shell = String(rig.hub?.pid?.());
  const children = readFileSync(`/proc/${shell}/task/${shell}/children`, "utf8").trim().split(" ");
  const counts = children.map((pid) => readdirSync(`/proc/${pid}/fd`).length);
  return Math.max(...counts);
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

try {
  await rig.startHub();
  await rig.createDemo();
  const certificate = join(rig.root, "hub.pem");
  writeFileSync(
    certificate,
    readFileSync(join(TLS, "hub.pem"), "utf8") + readFileSync(join(TLS, "hub.key"), "utf8"),
    { mode: 0o600 },
  );
  proxy = startHaproxy(findHaproxy(), {
    CATWALK_PUBLIC: `127.0.0.1:${proxyPort}`,
    CATWALK_CERTIFICATE: certificate,
    CATWALK_HUB: new URL(rig.hubUrl).host,
    CATWALK_MAX_CONNECTIONS: String(MAX_CONNECTIONS),
    CATWALK_MAX_PER_ADDRESS: String(MAX_PER_ADDRESS),
  });
  const hubPid = rig.hub?.pid?.();
  rig.hubUrl = `https://localhost:${proxyPort}`;

  await suite.check(
    "[CRE20] relays join, publish and read through the proxy, over TLS",
    async () => {
      for (const cluster of ["db", "app"]) await rig.startRelay(cluster, "--hub-ca-file", CA_FILE);
      await untilQuietPairFlows();
    },
  );

  await suite.check("[CRE20] what is no TLS gets nothing", async () => {
    const socket = connect(proxyPort, "127.0.0.1");
    socket.write("GET /healthz HTTP/1.1\r\nhost: hub\r\n\r\n");
    const [data] = (await Promise.race([once(socket, "data"), once(socket, "close")])) as [unknown];
    must(!String(data).includes("200"), "it was answered");
    socket.destroy();
  });

  await suite.check(
    "[CRE20] one address opens 2,000 connections: what is beyond its bound is closed at once",
    async () => {
      const idle = new Idle();
      await idle.open(proxyPort, 2_000, ["127.0.0.66"]);
      await eventually(
        async () => idle.closed,
        (closed) => closed >= 2_000 - MAX_PER_ADDRESS - 1,
      );
      await untilQuietPairFlows();
      idle.end();
    },
  );

  await suite.check(
    "[CRE20] forty addresses fill the proxy with silence: the hub sees none of it, the pair goes on, and who says nothing is closed",
    async () => {
      const idle = new Idle();
      const sources = Array.from({ length: 40 }, (_, n) => `127.0.1.${n + 1}`);
      await idle.open(proxyPort, 3_000, sources);
      await untilQuietPairFlows();
      must(hubFiles() < MAX_CONNECTIONS + OTHER_FILES, `the hub has ${hubFiles()} files open`);
      await eventually(
        async () => idle.closed,
        (closed) => closed > MAX_CONNECTIONS,
      );
      await untilQuietPairFlows();
      idle.end();
    },
  );

  await suite.check("[CRE20] a storm of handshakes and requests that nobody may make", async () => {
    const sockets: Socket[] = [];
    for (let n = 0; n < 600; n++) {
      const localAddress = `127.0.2.${(n % 20) + 1}`;
      const plain = connect({ port: proxyPort, host: "127.0.0.1", localAddress });
      const socket = connectTls({ socket: plain, rejectUnauthorized: false });
      plain.on("error", () => undefined);
      socket.on("error", () => undefined);
      socket.write("GET /v1/connect/home HTTP/1.1\r\nhost: hub\r\nupgrade: websocket\r\n\r\n");
      sockets.push(socket);
    }
    await untilQuietPairFlows();
    for (const socket of sockets) socket.destroy();
  });

  await suite.check(
    "[CRE20] the hub's process is the one that was started, and a relay that comes new is served",
    async () => {
      must(rig.hub?.pid?.() === hubPid, "the hub was started again");
      await rig.killRelay("app");
      await rig.startRelay("app", "--hub-ca-file", CA_FILE);
      await untilQuietPairFlows();
    },
  );
} finally {
  proxy?.kill();
  await rig.stop();
}
const minutes = (performance.now() - began) / 60_000;
process.stdout.write(
  `${suite.passed} passed, ${suite.failed} failed (${minutes.toFixed(1)} min)\n`,
);
process.exitCode = suite.failed === 0 ? 0 : 1;
