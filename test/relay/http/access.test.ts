/** Who reads what of a relay's own HTTP, from this machine and from others. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { fetchRelay } from "../../../cli/admin/relay-client.ts";
import { exposureOf, readToken, refusalOf } from "../../../relay/http/access.ts";
import { LoneRelay } from "../../support/lone-relay.ts";

const TOKEN = "0123456789abcdef";
const PRIVATE = ["/status", "/view", "/policies", "/withdrawals", "/other"];
const ends: (() => unknown)[] = [];
afterEach(async () => {
  delete process.env["CATWALK_RELAY_TOKEN"];
  for (const end of ends.splice(0).toReversed()) await end();
});

const far = (authorization?: string) => ({
  remoteAddress: "::ffff:10.0.0.9",
  headers: { host: "10.0.0.7:9474", ...(authorization === undefined ? {} : { authorization }) },
});

test("[CLI60] other machines get health and metrics, and for the rest a message that names the option", () => {
  for (const path of ["/healthz", "/readyz", "/metrics"])
    for (const token of [null, TOKEN]) expect(refusalOf(path, far(), token)).toBe(null);
  for (const path of PRIVATE) {
    expect(refusalOf(path, far(), null)).toContain("--http-token-file");
    expect(refusalOf(path, far(`Bearer ${TOKEN}`), null)).toContain("--http-token-file");
  }
});

test("[CLI60] with the token they get the rest; with another, a part of it, more, or in another form they do not", () => {
  for (const path of PRIVATE) {
    expect(refusalOf(path, far(`Bearer ${TOKEN}`), TOKEN)).toBe(null);
    const wrong = [undefined, "", "Bearer", `Bearer ${TOKEN.slice(1)}`, `Bearer ${TOKEN}0`];
    for (const shown of [...wrong, `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN} x`])
      expect(refusalOf(path, far(shown), TOKEN)).toContain("--http-token-file");
  }
});

test("[CLI60] a program on this machine needs no token; a page in its browser is none", () => {
  const remoteAddress = "127.0.0.1";
  for (const host of ["127.0.0.1:9474", "localhost:9474", "[::1]:9474"])
    expect(refusalOf("/status", { remoteAddress, headers: { host } }, TOKEN)).toBe(null);
  const page = { host: "localhost:9474", origin: "https://elsewhere.example" };
  expect(refusalOf("/status", { remoteAddress, headers: page }, null)).not.toBe(null);
  const rebound = { host: "elsewhere.example:9474" };
  expect(refusalOf("/status", { remoteAddress, headers: rebound }, null)).not.toBe(null);
});

test("[CLI60] the token is one word of a file; another file is an error that names it", () => {
  const dir = mkdtempSync(join(tmpdir(), "catwalk-token-"));
  ends.push(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "token");
  writeFileSync(file, `${TOKEN}\n`);
  expect(readToken(file)).toBe(TOKEN);
  for (const wrong of ["", "short", "two words that are long"]) {
    writeFileSync(file, wrong);
    expect(() => readToken(file)).toThrow(file);
  }
  expect(() => readToken(join(dir, "none"))).toThrow("ENOENT");
});

test("[CLI61] only a port that other machines reach is worth a warning, which says what is open to whom", () => {
  for (const listen of ["127.0.0.1:1", "localhost:1", "[::1]:1"])
    expect(exposureOf(listen, null)).toBe(null);
  for (const listen of ["0.0.0.0:1", "[::]:1", "10.0.0.7:1", ":1"]) {
    expect(exposureOf(listen, null)).toContain("--http-token-file opens it");
    expect(exposureOf(listen, TOKEN)).toContain("who has the token");
  }
});

test("[CLI62] a command shows the token of its environment, also to a relay that takes nothing else", async () => {
  const rig = new LoneRelay();
  ends.push(() => rig.close());
  rig.start([]);
  const url = await rig.serve("127.0.0.1:0", TOKEN);
  // As from another machine: a host name that is no address.
  const headers = { origin: "http://elsewhere.example" };
  expect((await fetch(new URL("/status", url), { headers })).status).toBe(401);
  const asked: string[] = [];
  const { fetch: own } = globalThis;
  globalThis.fetch = async (input, init) => {
    const given = new Headers(init?.headers);
    asked.push(given.get("authorization") ?? "none");
    given.set("origin", "http://elsewhere.example");
    return own(input, { ...init, headers: given });
  };
  ends.push(() => (globalThis.fetch = own));
  await expect(fetchRelay(url, "/status")).rejects.toThrow("401");
  process.env["CATWALK_RELAY_TOKEN"] = TOKEN;
  expect((await fetchRelay(url, "/status")).status).toBe(200);
  expect(asked).toEqual(["none", `Bearer ${TOKEN}`]);
});
