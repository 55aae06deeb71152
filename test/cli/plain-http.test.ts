/** Plain http off loopback: who refuses it, and how it is insisted on. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { Client } from "../../cli/admin/client.ts";
import { loadConfig } from "../../cli/admin/config.ts";
import { UsageError } from "../../cli/admin/usage-error.ts";
import { startHub } from "../../cli/launch/hub.ts";
import type { HubOptions } from "../../cli/launch/hub.ts";
import { readConfig } from "../../relay/config/relay-config.ts";
import { isLoopbackHost } from "../../shared/ip/loopback.ts";
import { makeAuthority } from "../support/certificates.ts";

const root = mkdtempSync(join(tmpdir(), "catwalk-http-"));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;

function hubWith(options: Partial<HubOptions>): ReturnType<typeof startHub> {
  return startHub({
    listen: "127.0.0.1:0",
    dataDir: join(root, `hub-${++made}`),
    log: () => undefined,
    ...options,
  });
}

test("[CRE19] loopback is localhost, 127.0.0.0/8 and ::1, and nothing that looks like it", () => {
  for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"])
    expect(isLoopbackHost(host), host).toBe(true);
  for (const host of ["", "0.0.0.0", "::", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1"])
    expect(isLoopbackHost(host), host).toBe(false);
});

test("[CRE19] a hub listens off loopback with TLS or an insisting flag only, and warns of the latter at its start", async () => {
  await expect(hubWith({ listen: "0.0.0.0:0" })).rejects.toThrow(
    /^--listen 0\.0\.0\.0:0: plain http is served on loopback only.*--tls-cert.*--insecure-http/,
  );
  await expect(hubWith({ listen: ":0" })).rejects.toThrow("loopback only");
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const insisted = await hubWith({ listen: "0.0.0.0:0", insecureHttp: true, log });
  await insisted.stop();
  expect(lines.filter((line) => line.startsWith("WARNING: 0.0.0.0:"))).toHaveLength(1);
});

test("[CRE19] a hub serves TLS with its certificate, and says which file is wrong before it starts", async () => {
  const authority = makeAuthority("hub");
  const { cert, key } = authority.issue("127.0.0.1");
  const [certFile, keyFile, otherKey] = ["cert.pem", "key.pem", "other.pem"].map((name) =>
    join(root, name),
  ) as [string, string, string];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  writeFileSync(otherKey, authority.issue("127.0.0.1").key);
  await expect(hubWith({ tls: { certFile, keyFile: otherKey } })).rejects.toThrow(
    `--tls-key ${otherKey}: is not the key of ${certFile}`,
  );
  await expect(hubWith({ tls: { certFile: keyFile, keyFile } })).rejects.toThrow(
    `--tls-cert ${keyFile}: `,
  );
  const hub = await hubWith({ tls: { certFile, keyFile } });
  expect(hub.url).toMatch(/^https:/);
  const answer = await new Promise<{ status: number | undefined; protocol: string | null }>(
    (resolve, reject) =>
      request(new URL("/healthz", hub.url), { ca: authority.cert, agent: false }, (response) => {
        const socket = response.socket as unknown as { getProtocol(): string | null };
        resolve({ status: response.statusCode, protocol: socket.getProtocol() });
        response.resume();
      })
        .on("error", reject)
        .end(),
  );
  expect(answer).toMatchObject({ status: 200, protocol: expect.stringMatching(/^TLSv1\.[23]$/) });
  await expect(fetch(hub.url.replace("https:", "http:"))).rejects.toThrow();
  await hub.stop();
});

test("[CRE19] a relay and the command line dial a hub without TLS on loopback, or where it is meant", () => {
  const relay = (hub: string, ...more: readonly [string, unknown][]) =>
    readConfig({ state: "s", hub, manifests: "m", ...Object.fromEntries(more) }, {}, null);
  expect(relay("http://hub.example:8787")).toMatchObject({
    ok: false,
    message: expect.stringMatching(/^hub: must be https off loopback.*--insecure-http/),
  });
  for (const hub of ["http://127.0.0.1:8787", "http://localhost:1", "https://hub.example"])
    expect(relay(hub).ok, hub).toBe(true);
  expect(relay("http://hub.example:8787", ["insecureHttp", true]).ok).toBe(true);

  const client = (server: string, env = {}) => {
    const from = { cwd: root, home: root, env: { CATWALK_TOKEN: "x".repeat(20), ...env } };
    return new Client(loadConfig({ server }, from));
  };
  expect(() => client("http://hub.example")).toThrow(UsageError);
  expect(() => client("http://hub.example")).toThrow("must be https off loopback");
  for (const server of ["http://[::1]:8787", "https://hub.example"])
    expect(client(server).server).toBe(server);
  expect(client("http://hub.example", { CATWALK_INSECURE_HTTP: "true" }).server).toContain("hub");
});
