/**
 * The hub's signing key is replaced while pods come and go: with the older one beside it, then,
 * once each cluster has a membership by the new one, without it. Real hub and relays as processes.
 */
import { join } from "node:path";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { startCatwalk } from "../support/catwalk-command.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";

const PODS = 50;
/** Longer than a relay waits before it looks at a folder in which files change. */
const CHURN_MS = 250;
const rig = new MeshRig();
let typha: FakeTypha;
let felix: Felix;
let churn: NodeJS.Timeout;
let at = 0;

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const { typhaPort } = await rig.startDemo(...splice);
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", PODS));
  felix = new Felix(() => typhaPort ?? 0, "shop%2fmany-");
  churn = setInterval(change, CHURN_MS);
  await eventually(
    async () => felix.count("shop%2fmany-"),
    (count) => count === PODS,
  );
});

afterAll(async () => {
  clearInterval(churn);
  felix.stop();
  await rig.stop();
  await typha.close();
});

/** One pod that comes and goes, with an address of its own. */
function change(): void {
  const file = join(rig.folder("db"), "moving.yaml");
  if (at++ % 2 === 1) return rmSync(file, { force: true });
  writeFileSync(file, manyPods("moving", 1).replaceAll("10.20.8.1", "10.20.9.200"));
}

/** Something that changes now comes to Felix. */
async function untilFlowing(): Promise<void> {
  for (const isThere of [true, false])
    await eventually(
      async () => felix.has("shop%2fmoving-0"),
      (has) => has === isThere,
    );
}

async function restartHub(): Promise<void> {
  await rig.stopHub();
  await rig.startHub();
  for (const cluster of ["app", "db"])
    await eventually(
      () => rig.fromRelay<RelayStatus>(cluster, "/status"),
      ({ hub }) => hub === "connected",
    );
  await untilFlowing();
}

async function succeed(...args: readonly string[]): Promise<string> {
  const { status, out, err } = await rig.catwalk(...args);
  expect([status, err]).toEqual([0, ""]);
  return out;
}

const data = (): string => join(rig.root, "hub");
const credentialOf = (cluster: string): string =>
  readFileSync(join(rig.state(cluster), "membership.json"), "utf8");

/** As it is done with the Secret of a cluster, through stdin. */
async function renewBySecret(cluster: string): Promise<void> {
  const files = ["relay-key.jwk", "membership.json"] as const;
  const [key = "", membership = ""] = files.map((file) =>
    readFileSync(join(rig.state(cluster), file), "utf8"),
  );
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const data = { [files[0]]: base64(key), [files[1]]: base64(membership) };
  const input = JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: {}, data });
  const args = ["cluster", "identity", cluster, "--renew", "-", "-o", "json"];
  const { env } = rig;
  const { status, out, err } = await startCatwalk(args, { cwd: rig.root, env, input }).ended;
  expect([status, err]).toEqual([0, ""]);
  const { stringData } = JSON.parse(out) as { stringData: Readonly<Record<string, string>> };
  expect(stringData[files[0]]).toBe(key);
  writeFileSync(join(rig.state(cluster), files[1]), stringData[files[1]] ?? "");
}

test("[CRE29] the hub's key is rotated under churn: each cluster goes on, with the older key and without it, and Felix loses nothing", async () => {
  await untilFlowing();
  const before = ["app", "db"].map(credentialOf);
  expect(await succeed("hub", "rotate-key", "--data", data())).toContain("1 before it is still");
  await restartHub();
  expect(["app", "db"].map(credentialOf)).toEqual(before);
  await succeed("cluster", "identity", "app", "--renew", rig.state("app"));
  await renewBySecret("db");
  await untilFlowing();
  expect(await succeed("hub", "rotate-key", "--data", data(), "--forget-older")).toContain("1;");
  await restartHub();
  for (const [n, cluster] of ["app", "db"].entries())
    expect(credentialOf(cluster)).not.toBe(before[n]);
  expect(felix.lost).toEqual([]);
});

test("[CRE29] a membership by a key that was forgotten is refused, and --renew says what to do; nothing is written", async () => {
  await succeed("hub", "rotate-key", "--data", data());
  await succeed("hub", "rotate-key", "--data", data(), "--forget-older");
  await rig.stopHub();
  await rig.startHub();
  await eventually(
    () => rig.fromRelay<RelayStatus>("db", "/status"),
    ({ message }) => message?.includes("was not signed by this hub") === true,
  );
  const before = credentialOf("db");
  const { status, err } = await rig.catwalk(
    "cluster",
    "identity",
    "db",
    "--renew",
    rig.state("db"),
  );
  expect([status, err]).toEqual([1, expect.stringContaining("make a new identity with --replace")]);
  expect(credentialOf("db")).toBe(before);
  expect(felix.lost).toEqual([]);
});
