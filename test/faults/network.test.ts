/**
 * A relay in a network that is not simply there: proxies, authorities of one's own, a wrong clock.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { addCluster } from "../../shared/api/clusters.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { startRelay } from "../../cli/demo/relay-process.ts";
import type { RelayProcess } from "../../cli/demo/relay-process.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { CA_FILE, startConnectProxy, startTlsFront } from "./tls-front.ts";

const rig = new MeshRig();
let front: Awaited<ReturnType<typeof startTlsFront>>;
let hub = "";
let made = 0;

beforeAll(async () => {
  await rig.startHub();
  await rig.call(createMesh, { body: { name: "net" } });
  front = await startTlsFront(() => rig.hubUrl);
  hub = `https://localhost:${front.port}`;
});

afterAll(async () => {
  await front.close();
  await rig.stop();
});

interface Started {
  readonly relay: RelayProcess;
  readonly log: () => string;
  readonly status: () => Promise<RelayStatus>;
}

/**
 * A relay of a cluster of its own, as a process, in an environment that has nothing of ours but
 * what is given.
 */
async function start(
  onTestFinished: (cleanup: () => Promise<void>) => void,
  url: string,
  env: Readonly<Record<string, string>>,
  ...more: readonly string[]
): Promise<Started> {
  const name = `c${++made}`;
  const { joinToken } = await rig.call(addCluster, { params: { mesh: "net" }, body: { name } });
  const manifests = join(rig.root, "manifests", name);
  mkdirSync(manifests, { recursive: true });
  const log = join(rig.root, `${name}.log`);
  const options = ["--state", join(rig.root, name), "--manifests", manifests, "--hub", url];
  const relay = await startRelay(
    name,
    [...options, "--http-listen", "127.0.0.1:0", "--join-token", joinToken, ...more],
    { PATH: process.env["PATH"], ...env },
    log,
  );
  onTestFinished(() => relay.stop());
  return {
    relay,
    log: () => readFileSync(log, "utf8"),
    status: async () => (await (await fetch(new URL("/status", relay.url))).json()) as RelayStatus,
  };
}

async function untilConnected({ status }: Started): Promise<RelayStatus> {
  return eventually(status, (now) => now.hub === "connected");
}

async function untilSaid({ status }: Started, text: RegExp): Promise<void> {
  const now = await eventually(status, ({ message }) => text.test(message ?? ""));
  expect(now.hub).not.toBe("connected");
}

test("[CRE10] a hub whose authority is given with --hub-ca-file is trusted; without it the error says what to do", async ({
  onTestFinished,
}) => {
  await untilConnected(await start(onTestFinished, hub, {}, "--hub-ca-file", CA_FILE));
  await untilSaid(
    await start(onTestFinished, hub, {}),
    /certificate of localhost:\d+ is not trusted here .*--hub-ca-file/,
  );
});

test("[CRE10] NODE_EXTRA_CA_CERTS is trusted too, also with --hub-ca-file; a file without certificates, or none, ends the relay by name", async ({
  onTestFinished,
}) => {
  const env = { NODE_EXTRA_CA_CERTS: CA_FILE };
  await untilConnected(await start(onTestFinished, hub, env));
  const key = join(CA_FILE, "../hub.key");
  for (const [file, rule] of [
    [key, "holds no certificate"],
    ["/nowhere.pem", "no such file"],
  ] as const) {
    const ended = start(onTestFinished, hub, env, "--hub-ca-file", file);
    await expect(ended).rejects.toThrow(`--hub-ca-file ${file}: `);
    await expect(ended).rejects.toThrow(rule);
  }
});

test("[CRE10] a certificate for another name is refused, and said", async ({ onTestFinished }) => {
  const other = `https://127.0.0.1:${front.port}`;
  const relay = await start(onTestFinished, other, {}, "--hub-ca-file", CA_FILE);
  await untilSaid(relay, /the certificate that 127\.0\.0\.1:\d+ shows is not for 127\.0\.0\.1/);
});

test("[CRE9] joining and every socket go through HTTPS_PROXY, with its credentials; a name that only the proxy knows will do", async ({
  onTestFinished,
}) => {
  const proxy = await startConnectProxy("relay:p@ss");
  onTestFinished(() => proxy.close());
  const env = { HTTPS_PROXY: `http://relay:p%40ss@127.0.0.1:${proxy.port}` };
  const unknown = `https://hub.test:${front.port}`;
  await untilConnected(await start(onTestFinished, unknown, env, "--hub-ca-file", CA_FILE));
  expect(proxy.asked.length).toBeGreaterThanOrEqual(2);
  for (const asked of proxy.asked)
    expect(asked).toEqual({ host: `hub.test:${front.port}`, isAllowed: true });
});

test("[CRE9] a proxy that wants credentials, or is not there, is named; NO_PROXY and a hub without TLS go past it", async ({
  onTestFinished,
}) => {
  const proxy = await startConnectProxy("relay:p@ss");
  onTestFinished(() => proxy.close());
  const ca = ["--hub-ca-file", CA_FILE];
  const HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`;
  const refused = await start(onTestFinished, hub, { HTTPS_PROXY }, ...ca);
  await untilSaid(refused, /the proxy does not connect to localhost:\d+: .* 407 /);
  const gone = { HTTPS_PROXY: "http://127.0.0.1:9" };
  const unreachable = await start(onTestFinished, hub, gone, ...ca);
  await untilSaid(unreachable, /the proxy 127\.0\.0\.1:9 is not there: .*ECONNREFUSED/);
  const tunnels = proxy.asked.length;
  const past = { HTTPS_PROXY, NO_PROXY: "example.org,localhost" };
  await untilConnected(await start(onTestFinished, hub, past, ...ca));
  const plain = { HTTPS_PROXY, HTTP_PROXY: HTTPS_PROXY };
  await untilConnected(await start(onTestFinished, rig.hubUrl, plain));
  await refused.relay.stop();
  // The refused one went on asking meanwhile.
  expect(proxy.asked.slice(tunnels).filter(({ isAllowed }) => isAllowed)).toEqual([]);
});

for (const [name, offsetMs] of [
  ["a day ahead", 86_400_000],
  ["an hour behind", -3_600_000],
] as const)
  test(`[CRE8] a relay whose clock is ${name} corrects itself by the hub's, and says so once, in its log and its status`, async ({
    onTestFinished,
  }) => {
    const preload = `const now = Date.now; Date.now = () => now() + ${offsetMs};`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(preload)}`;
    const started = await start(onTestFinished, rig.hubUrl, { NODE_OPTIONS });
    const { clockSkewSeconds } = await untilConnected(started);
    expect(Math.abs(clockSkewSeconds + offsetMs / 1000)).toBeLessThanOrEqual(2);
    const lines = started.log().split("\n");
    expect(lines.filter((line) => line.includes("clock differs from the hub's"))).toHaveLength(1);
  });
