import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { environmentName, readConfig } from "../../relay/config/relay-config.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { Relay } from "../../relay/relay.ts";
import { openSource } from "../../relay/source/open-source.ts";

const message = (flags: Record<string, unknown>, file: unknown = null) => {
  const read = readConfig(flags, {}, file);
  return read.ok ? "" : read.message;
};

test("[CLI13] flags come before the environment, that before the file", () => {
  const env = { CATWALK_HUB: "https://env:1", CATWALK_STATE: "/env" };
  const read = readConfig({ hub: "https://flag:1" }, env, {
    hub: "https://file:1",
    state: "/file",
    manifests: "/m",
  });
  expect(read).toMatchObject({
    ok: true,
    config: {
      hub: "https://flag:1",
      state: "/env",
      manifests: "/m",
      source: "manifests",
      inSyncWaitSeconds: 30,
    },
  });
  expect(environmentName("typhaListen")).toBe("CATWALK_TYPHA_LISTEN");
});

test("[CLI13] a join token may have a line end behind it, and must look like one", () => {
  const token = `cwj_demo_${"0".repeat(48)}`;
  const given = { state: "s", manifests: "/m" };
  expect(readConfig({ ...given, joinToken: `${token}\n` }, {}, null)).toMatchObject({
    ok: true,
    config: { joinToken: token },
  });
  expect(message({ ...given, joinToken: token.slice(1) })).toMatch(
    /^joinToken: must look like cwj_/,
  );
});

test("[CLI13] what is wrong is named", () => {
  expect(message({})).toMatch(/^state: /);
  expect(message({ state: "s", source: "manifests" })).toBe(
    "manifests: is needed with --source manifests",
  );
  expect(message({ state: "s", source: "kubernetes", manifests: "m" })).toBe(
    "manifests: needs --source manifests",
  );
  expect(message({ state: "s", typhaListen: "127.0.0.1:1" })).toBe(
    "typhaUpstream: is needed with --typha-listen (or --typha-service)",
  );
  expect(message({ state: "s", typhaUpstream: "a:1" })).toBe(
    "typhaListen: is needed with --typha-upstream and --typha-service",
  );
  expect(message({ state: "s", source: "typha" })).toBe(
    "source: typha needs --typha-upstream HOST:PORT or --typha-service NAMESPACE/NAME",
  );
  expect(
    message({ state: "s", source: "typha", typhaUpstream: "a:1", typhaService: "kube-system/t" }),
  ).toBe("typhaService: --typha-upstream and --typha-service say the same: give one");
  expect(message({ state: "s", source: "typha", typhaService: "typha" })).toBe(
    "typhaService: must be NAMESPACE/NAME",
  );
  expect(message({ state: "s", typhaListen: "nonsense", typhaUpstream: "a:1" })).toBe(
    "typhaListen: must be HOST:PORT",
  );
  expect(message({ state: "s", peers: "a:1,b" })).toBe("peers.1: must be HOST:PORT");
  expect(message({ state: "s", peers: "a:1", peersService: "catwalk/relay" })).toBe(
    "peersService: --peers and --peers-service say the same: give one",
  );
  expect(message({ state: "s", hub: "ftp://x" })).toMatch(/^hub: /);
  expect(message({ state: "s" }, { colour: "red" })).toBe("colour: is not a known field");
  expect(message({ state: "s", source: "consul" })).toBe(
    "source: must be kubernetes, manifests, typha or etcd",
  );
  expect(message({ state: "s", inSyncWaitSeconds: "soon" })).toBe(
    "inSyncWaitSeconds: must be a number",
  );
  expect(message({ state: "s", withdrawalHoldSeconds: "-1" })).toBe(
    "withdrawalHoldSeconds: must be at least 0",
  );
});

test("[CRE5] the key is made in the state folder, for its owner only, and stays", async () => {
  const dir = mkdtempSync(join(tmpdir(), "catwalk-key-"));
  await Credentials.open(dir);
  const path = join(dir, "relay-key.jwk");
  const key = readFileSync(path, "utf8");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await Credentials.open(dir);
  expect(readFileSync(path, "utf8")).toBe(key);
  rmSync(dir, { recursive: true });
});

test("[CRE5] a start with neither membership nor token says what to do", async () => {
  const dir = mkdtempSync(join(tmpdir(), "catwalk-key-"));
  const read = readConfig({ state: dir, manifests: dir, hub: "http://127.0.0.1:1" }, {}, null);
  if (!read.ok) throw new Error(read.message);
  const opened = Relay.open(
    read.config,
    openSource({ kind: "manifests", folder: dir }),
    newLogger("test", "silent"),
  );
  await expect(opened).rejects.toThrow(
    /has not joined a mesh.*catwalk cluster add NAME.*--join-token/,
  );
  rmSync(dir, { recursive: true });
});

test("[CRE8] a wrong clock is corrected by the hub's date, once, and only when it matters", async () => {
  const dir = mkdtempSync(join(tmpdir(), "catwalk-key-"));
  const credentials = await Credentials.open(dir);
  expect(credentials.correctClock(undefined)).toBe(null);
  expect(credentials.correctClock("nonsense")).toBe(null);
  expect(credentials.correctClock(new Date().toUTCString())).toBe(null);
  const ahead = new Date(Date.now() + 3_600_000).toUTCString();
  expect(Math.round((credentials.correctClock(ahead) ?? 0) / 60_000)).toBe(60);
  expect(credentials.correctClock(ahead)).toBe(null);
  rmSync(dir, { recursive: true });
});

test("[TYP41] a port for Felix off loopback needs TLS where Typha has it", () => {
  const typha = { typhaUpstream: "typha:5473", typhaCaFile: "ca", typhaCn: "typha-server" };
  const key = { typhaCertFile: "c", typhaKeyFile: "k" };
  const read = (more: Readonly<Record<string, string>>) =>
    readConfig({ state: "s", manifests: "m", ...typha, ...key, ...more }, {}, null);
  expect(read({ typhaListen: "0.0.0.0:5473" })).toMatchObject({
    ok: false,
    message: expect.stringMatching(/^typhaListen: off loopback needs TLS.*--listen-ca-file/),
  });
  expect(read({ typhaListen: "127.0.0.1:5473" }).ok).toBe(true);
  const listen = {
    listenCaFile: "ca",
    listenCertFile: "c",
    listenKeyFile: "k",
    listenClientCn: "f",
  };
  expect(read({ typhaListen: "0.0.0.0:5473", ...listen }).ok).toBe(true);
});

test("[DIR19] [DIR21] webhooks of a relay need remotes that it reads itself, and the rest needs webhooks", () => {
  const read = (more: Readonly<Record<string, string>>) => {
    const config = readConfig({ state: "s", manifests: "m", ...more }, {}, null);
    return config.ok ? "" : config.message;
  };
  expect(read({ webhooks: "w.yaml", rccDir: "rccs" })).toBe("");
  expect(read({ webhooks: "w.yaml" })).toMatch(/^webhooks: .*needs --rcc-dir/);
  expect(read({ webhooksLease: "catwalk/w" })).toBe("webhooksLease: needs --webhooks");
  expect(read({ allowPrivateWebhooks: "true" })).toBe("allowPrivateWebhooks: needs --webhooks");
});
