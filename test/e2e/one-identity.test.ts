/**
 * One identity for all relays of a cluster, made by the command line; the hub is real, the relays
 * are processes.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";

import type { RelayStatus } from "../../relay/status.ts";
import { manyPods } from "../faults/many-pods.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();
let identity = "";

interface Secret {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly stringData: Readonly<Record<string, string>>;
}

beforeAll(async () => {
  await rig.startHub();
  await rig.createDemo();
  identity = join(rig.root, "identity");
});

afterAll(() => rig.stop());

/** One more relay of db, with views of its own. */
async function startDb(name: string): Promise<void> {
  await rig.startRelay(name, "--manifests", rig.folder("db"), "--identity", identity);
}

test("[CRE12] the identity is printed as a Secret, once: a second one would stop the relays of the first", async () => {
  const made = await rig.catwalk("cluster", "identity", "db");
  expect([made.status, made.err]).toEqual([0, ""]);
  const secret = parse(made.out) as Secret;
  expect(secret).toMatchObject({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "catwalk-identity", namespace: "catwalk" },
  });
  expect(Object.keys(secret.stringData).toSorted()).toEqual(["membership.json", "relay-key.jwk"]);
  const again = await rig.catwalk("cluster", "identity", "db");
  expect([again.status, again.out]).toEqual([1, ""]);
  expect(again.err).toMatch(/cluster db has joined already: .*--replace/);
  // As kubelet mounts it.
  mkdirSync(identity, { mode: 0o700 });
  for (const [name, text] of Object.entries(secret.stringData))
    writeFileSync(join(identity, name), text);
  chmodSync(identity, 0o500);
});

test("[CRE11] two relays with one identity and folders of their own: one publishes, the other stands by and takes over", async () => {
  await startDb("db-1");
  await eventually(
    () => rig.fromRelay<RelayStatus>("db-1", "/status"),
    ({ hub, message }) => hub === "connected" && message === null,
  );
  await startDb("db-2");
  await eventually(
    () => rig.fromRelay<RelayStatus>("db-2", "/status"),
    ({ hub, message }) => hub === "connected" && message?.includes("stands by") === true,
  );
  await rig.startRelay("app");
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.length > 0,
  );
  await rig.killRelay("db-1");
  await eventually(
    () => rig.fromRelay<RelayStatus>("db-2", "/status"),
    ({ hub, message }) => hub === "connected" && message === null,
  );
  writeFileSync(join(rig.folder("db"), "more.yaml"), manyPods("more", 3));
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.includes("10.20.8.3"),
  );
  await startDb("db-1");
  await eventually(
    () => rig.fromRelay<RelayStatus>("db-1", "/status"),
    ({ hub, message }) => hub === "connected" && message?.includes("stands by") === true,
  );
  expect(readdirSync(identity)).toHaveLength(2);
  expect(readdirSync(rig.state("db-1"))).not.toContain("relay-key.jwk");
});

test("[CRE12] as a folder, by a join token alone; --replace stops the relays that have the former key", async () => {
  const folder = join(rig.root, "app-identity");
  const token = await rig.catwalk("cluster", "token", "app", "-o", "json");
  const { joinToken } = JSON.parse(token.out) as { readonly joinToken: string };
  const how = ["--out", folder, "--join-token", joinToken];
  const made = await rig.catwalk("cluster", "identity", "app", ...how);
  expect([made.status, made.err]).toEqual([0, ""]);
  expect(made.out).toBe(`identity of cluster app written to ${folder}\n`);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder))
    expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  const stopped = await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ hub }) => hub === "down",
  );
  expect(stopped.message).toMatch(/key/);
  // What it serves stays; with the new identity and the same views it goes on.
  expect((await rig.served("app", "db")).length).toBeGreaterThan(0);
  await rig.killRelay("app");
  await rig.startRelay("app", "--identity", folder);
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  const replaced = await rig.catwalk("cluster", "identity", "app", "--replace", "-o", "json");
  expect([replaced.status, replaced.err]).toEqual([0, ""]);
  const secret = JSON.parse(replaced.out) as Secret;
  expect(secret.stringData["relay-key.jwk"]).not.toBe(
    readFileSync(join(folder, "relay-key.jwk"), "utf8"),
  );

  // [CRE27] As kubelet puts a Secret's new text into the volume, under a relay that runs.
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ hub }) => hub === "down",
  );
  for (const [name, text] of Object.entries(secret.stringData)) {
    writeFileSync(join(folder, "next"), text);
    renameSync(join(folder, "next"), join(folder, name));
  }
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ hub, remotes }) => hub === "connected" && remotes[0]?.connectionStatus === 2,
  );
});

test("[CRE12] what is wrong with the command is said, by flag and rule, and nothing is written", async () => {
  const folder = join(rig.root, "app-identity");
  const unused = join(rig.root, "unused");
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["nobody"], 1, "the mesh has no cluster named nobody"],
    [["db", "--namespace", "Not_A_Name"], 2, "--namespace Not_A_Name: must be a name"],
    [["db", "--out", folder], 2, `--out ${folder}: has an identity already`],
    [["db", "--out", unused, "-o", "yaml"], 2, "--out: writes a folder; -o"],
    [["db", "--join-token", "cwj_demo_00"], 1, "the hub refused the join token"],
    [["db", "--join-token", "x", "--server", "ftp://h"], 2, "must be an http or https URL"],
  ];
  for (const [args, status, words] of cases) {
    const ended = await rig.catwalk("cluster", "identity", ...args);
    expect([args, ended.status, ended.out]).toEqual([args, status, ""]);
    expect(ended.err).toContain(words);
  }
  expect(readdirSync(rig.root)).not.toContain("unused");
});
