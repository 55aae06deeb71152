import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import type { TLSSocket } from "node:tls";

import { expect, test } from "vitest";

import { tlsSettingsOf } from "../../../relay/config/tls.ts";
import { readConfig } from "../../../relay/config/relay-config.ts";
import { dialWith } from "../../../relay/typha/upstream/dial.ts";
import { TlsFiles } from "../../../relay/tls/files.ts";
import { wrongPeer } from "../../../relay/tls/peer-name.ts";
import type { TlsSettings } from "../../../relay/tls/settings.ts";
import { fixedUpstream } from "../../../relay/typha/upstream/upstream.ts";
import { LiveTypha } from "../../support/live-typha.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import type { SpliceRig } from "../../support/splice-rig.ts";
import { SyncClient } from "../../support/typha.ts";
import { waitFor } from "../../support/wait-for.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/typha-tls");
const URI = "spiffe://cluster.local/ns/calico-system/sa/calico-node";

function pem(name: string): Buffer {
  return readFileSync(join(FOLDER, name));
}

function files(name: string, expected: Partial<TlsSettings>): TlsFiles {
  const made = new TlsFiles(
    {
      caFile: join(FOLDER, "ca.pem"),
      certFile: join(FOLDER, `${name}.pem`),
      keyFile: join(FOLDER, `${name}.key`),
      cn: undefined,
      uriSan: undefined,
      ...expected,
    },
    () => {},
  );
  cleanUp(() => made.stop());
  return made;
}

/** The splice with TLS towards Felix. */
async function rigWithTls(
  expected: Partial<TlsSettings> = { cn: "typha-client" },
): Promise<SpliceRig> {
  return spliceRig(
    { "/calico/v1/Ready": "true" },
    { listenTls: files("server", expected), holdMs: 300 },
  );
}

function felix(
  rig: SpliceRig,
  name: string,
  version: "TLSv1.2" | "TLSv1.3" = "TLSv1.3",
): SyncClient {
  const socket = connect({
    host: "127.0.0.1",
    port: rig.port,
    ca: pem("ca.pem"),
    cert: pem(`${name}.pem`),
    key: pem(`${name}.key`),
    minVersion: version,
    maxVersion: version,
    checkServerIdentity: (_host, certificate) =>
      wrongPeer(certificate, { cn: "typha-server", uriSan: undefined }) === null
        ? undefined
        : new Error("wrong server"),
  });
  const client = new SyncClient(socket);
  cleanUp(() => client.close());
  return client;
}

/**
 * TLS before a Typha, with a server certificate of the fixtures; asks for a client's as Typha does.
 */
async function tlsTypha(name: string): Promise<{ address: string; presented: string[] }> {
  const typha = await LiveTypha.start({ "/calico/v1/Ready": "true" });
  cleanUp(() => typha.down());
  const presented: string[] = [];
  const server = createServer(
    {
      key: pem(`${name}.key`),
      cert: pem(`${name}.pem`),
      ca: pem("ca.pem"),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket: TLSSocket) => {
      presented.push(String(socket.getPeerCertificate().subject.CN));
      const [host = "", port = ""] = typha.address.split(":");
      const inner = connectTcp(Number(port), host);
      for (const [a, b] of [
        [socket, inner],
        [inner, socket],
      ] as const) {
        a.pipe(b);
        a.on("error", () => b.destroy());
        a.on("close", () => b.destroy());
      }
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => {
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, presented };
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  test(`[TYP24] a Felix with the right certificate is served over ${version}`, async () => {
    const rig = await rigWithTls();
    const client = felix(rig, "client", version);
    await client.until("in-sync", () => client.hasSync);
  });

test("[TYP24] [TYP36] a URI among the alternative names is as good as the common name", async () => {
  const rig = await rigWithTls({ cn: "no-such", uriSan: URI });
  const client = felix(rig, "client");
  await client.until("in-sync", () => client.hasSync);
  const other = felix(rig, "other");
  await other.until("the end", () => other.isClosed);
  expect(rig.logs.join("\n")).toMatch(/certificate is for CN .*somebody-else/);
});

for (const [name, problem] of [
  ["other", /certificate is for CN/],
  ["foreign", /not trusted/],
  ["server-as-client", /not trusted: (INVALID_PURPOSE|.*purpose)/],
] as const)
  test(`[TYP24] a Felix with the certificate "${name}" is held, told nothing, and closed late`, async () => {
    const rig = await rigWithTls();
    const began = performance.now();
    const refused = felix(rig, name);
    await refused.until("the end", () => refused.isClosed);
    expect(performance.now() - began).toBeGreaterThan(250);
    expect(refused.messages).toEqual([]);
    expect(rig.logs.join("\n")).toMatch(problem);
    const good = felix(rig, "client");
    await good.until("in-sync", () => good.hasSync);
  });

test("[TYP24] who speaks no TLS where it is configured is held and told in the log", async () => {
  const rig = await rigWithTls();
  const plain = rig.client();
  await plain.until("the end", () => plain.isClosed);
  expect(plain.messages).toEqual([]);
  expect(rig.logs.join("\n")).toMatch(/does not speak TLS/);
});

test("[TYP24] the relay shows Typha its certificate, and takes the server's by CN, whatever its host", async () => {
  const { address, presented } = await tlsTypha("server");
  const dial = dialWith(files("client", { cn: "typha-server" }));
  const rig = await spliceRig({}, { upstream: fixedUpstream(address, dial) });
  const client = rig.client();
  await client.until("in-sync", () => client.hasSync);
  expect(client.kvs.get("/calico/v1/Ready")).toBe("true");
  expect(presented).toEqual(["typha-client"]);
});

for (const name of ["other", "client-as-server"])
  test(`[TYP24] a Typha with the certificate "${name}" is refused, with the reason`, async () => {
    const { address } = await tlsTypha(name);
    const dial = dialWith(files("client", { cn: "typha-server" }));
    expect(await dial(address)).toMatch(name === "other" ? /somebody-else/ : /purpose/);
  });

test("[TYP24] a Typha without TLS is refused, and does not hang", async () => {
  const server = createTcpServer((socket) => socket.end("no TLS"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => {
    server.close();
  });
  const dial = dialWith(files("client", { cn: "typha-server" }));
  expect(typeof (await dial(`127.0.0.1:${(server.address() as AddressInfo).port}`))).toBe("string");
});

test("[TYP24] [TYP37] certificates are renewed without a restart, and what does not load keeps what did", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-tls-"));
  cleanUp(() => rmSync(folder, { recursive: true }));
  const use = (name: string): void => {
    copyFileSync(join(FOLDER, `${name}.pem`), join(folder, "tls.crt"));
    copyFileSync(join(FOLDER, `${name}.key`), join(folder, "tls.key"));
  };
  use("server");
  const logs: string[] = [];
  const listenTls = new TlsFiles(
    {
      caFile: join(FOLDER, "ca.pem"),
      certFile: join(folder, "tls.crt"),
      keyFile: join(folder, "tls.key"),
      cn: "typha-client",
      uriSan: undefined,
    },
    (message) => logs.push(message),
    20,
  );
  const rig = await spliceRig({ "/calico/v1/Ready": "true" }, { listenTls });
  const shown = async (): Promise<string> => {
    const socket = connect({
      host: "127.0.0.1",
      port: rig.port,
      ca: pem("ca.pem"),
      cert: pem("client.pem"),
      key: pem("client.key"),
      checkServerIdentity: () => undefined,
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const old = felix(rig, "client");
  await old.until("in-sync", () => old.hasSync);
  const first = await shown();
  writeFileSync(join(folder, "tls.crt"), "half a certificate");
  await waitFor(() => expect(logs.join()).toMatch(/cannot be used/));
  expect(await shown()).toBe(first);
  use("server-2");
  await waitFor(() => expect(logs).toContain("certificates were renewed"));
  expect(await shown()).not.toBe(first);
  // What is dialled from now on shows the new one too.
  expect(listenTls.pems.cert).toEqual(pem("server-2.pem"));
  expect(listenTls.pems.key).toEqual(pem("server-2.key"));
  expect(old.isClosed).toBe(false);
  expect(logs.filter((line) => /cannot be used/.test(line)).length).toBe(1);
});

test("[TYP24] settings in part are an error that names what is missing", () => {
  expect(tlsSettingsOf({}, "typha")).toBeNull();
  expect(() => tlsSettingsOf({ typhaCaFile: "ca.pem" }, "typha")).toThrow(
    "TLS is set in part: --typha-cert-file, --typha-key-file, --typha-cn or --typha-uri-san missing",
  );
  expect(() =>
    tlsSettingsOf({ listenCaFile: "a", listenCertFile: "b", listenKeyFile: "c" }, "listen"),
  ).toThrow("TLS is set in part: --listen-client-cn or --listen-client-uri-san missing");
});

test("[TYP24] Felix's own settings are taken where the relay's say nothing", () => {
  const read = readConfig(
    { state: "s", manifests: "m", typhaCn: "mine" },
    { FELIX_TYPHACN: "felix", FELIX_TYPHACAFILE: "/ca.pem", FELIX_TYPHAURISAN: "none" },
    null,
  );
  expect(read).toMatchObject({ ok: true, config: { typhaCn: "mine", typhaCaFile: "/ca.pem" } });
  if (read.ok) expect(read.config.typhaUriSan).toBeUndefined();
});

test("[TYP24] names are compared exactly, quoted ones too", () => {
  const certificate = {
    subject: { CN: ["first", "last"] },
    subjectaltname: 'DNS:a, URI:"spiffe://a,b\\u0022", URI:plain',
  };
  const is = (cn?: string, uriSan?: string): boolean =>
    wrongPeer(certificate as never, { cn, uriSan }) === null;
  expect(is("last")).toBe(true);
  expect(is("first")).toBe(false);
  expect(is("LAST")).toBe(false);
  expect(is("x", 'spiffe://a,b"')).toBe(true);
  expect(is("x", "plain")).toBe(true);
  expect(is("x", "a")).toBe(false);
});
