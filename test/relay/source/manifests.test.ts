import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { ManifestsSource } from "../../../relay/source/manifests/manifests-source.ts";
import { Recorder } from "./recorder.ts";

let folder: string;
let source: ManifestsSource;
let seen: Recorder;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catwalk-manifests-"));
  seen = new Recorder();
});

afterEach(async () => {
  await source.stop();
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  writeFileSync(join(folder, path), text);
}

async function open(): Promise<void> {
  source = new ManifestsSource({ folder });
  source.start(seen);
  await seen.until(() => seen.listedCount === 1);
}

function pod(name: string, ip: string, extra = ""): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop${extra}}
spec: {nodeName: node-a}
status: {podIP: ${ip}}
`;
}

const key = (name: string): string =>
  `/calico/v1/host/node-a/workload/k8s/shop%2f${name}/endpoint/eth0`;
const ipsOf = (name: string): unknown => {
  const record = seen.records.get(key(name));
  return record?.kind === "WorkloadEndpoint" ? record.ips : undefined;
};

test("[SRC40] a folder is read recursively: YAML and JSON, several documents, Lists, both Calico groups", async () => {
  mkdirSync(join(folder, "deep/er"), { recursive: true });
  write("a.yaml", `${pod("a", "10.0.0.1")}---\n# nothing\n---\n${pod("b", "10.0.0.2")}`);
  write(
    "deep/er/c.yml",
    `apiVersion: v1\nkind: List\nitems:\n- ${pod("c", "10.0.0.3").replaceAll("\n", "\n  ")}`,
  );
  write(
    "d.json",
    JSON.stringify({
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPPool",
      metadata: { name: "p" },
      spec: { cidr: "10.0.0.0/8" },
    }),
  );
  write(
    "e.yaml",
    "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: q}\nspec: {cidr: 'fd00::/64'}\n",
  );
  write("notes.txt", "not: [yaml");
  write(".hidden.yaml", "not: [yaml");
  write("deploy.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n");
  await open();
  expect([...seen.records.keys()].toSorted()).toEqual([
    key("a"),
    key("b"),
    key("c"),
    "/calico/v1/ipam/v4/pool/10.0.0.0-8",
    "/calico/v1/ipam/v6/pool/fd00::-64",
  ]);
  expect(seen.problems.size).toBe(0);
});

test("[SRC41] a saved change is seen within a second, and a removed object is an observed delete", async () => {
  write("a.yaml", `${pod("a", "10.0.0.1")}---\n${pod("b", "10.0.0.2")}`);
  await open();
  const began = performance.now();
  write("a.yaml", pod("a", "10.0.0.9"));
  await seen.until(() => !seen.records.has(key("b")));
  expect(performance.now() - began).toBeLessThan(1000);
  expect(ipsOf("a")).toEqual(["10.0.0.9"]);
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([
    { op: "delete", key: key("b"), cause: "observed" },
  ]);
});

test("[SRC41] a new file, one in a new folder, and a deleted one are seen", async () => {
  write("a.yaml", pod("a", "10.0.0.1"));
  await open();
  mkdirSync(join(folder, "new"));
  write("new/b.yaml", pod("b", "10.0.0.2"));
  await seen.until(() => seen.records.has(key("b")));
  unlinkSync(join(folder, "a.yaml"));
  await seen.until(() => !seen.records.has(key("a")));
});

test("[SRC44] saving by rename or by truncating first takes nothing away", async () => {
  write("a.yaml", pod("a", "10.0.0.1"));
  await open();
  // vim: the old file moves away, the new one is written.
  renameSync(join(folder, "a.yaml"), join(folder, "a.yaml~"));
  write("a.yaml", pod("a", "10.0.0.2"));
  await seen.until(() => ipsOf("a")?.toString() === "10.0.0.2");
  // Others: a temporary file, renamed over.
  write(".a.yaml.tmp", pod("a", "10.0.0.3"));
  renameSync(join(folder, ".a.yaml.tmp"), join(folder, "a.yaml"));
  await seen.until(() => ipsOf("a")?.toString() === "10.0.0.3");
  // Or empty for a moment.
  write("a.yaml", "");
  write("a.yaml", pod("a", "10.0.0.4"));
  await seen.until(() => ipsOf("a")?.toString() === "10.0.0.4");
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

for (const [what, broken, line] of [
  ["YAML that does not parse", "---\nkind: Pod\nmetadata: {name: [\n", 4],
  ["an object without kind", "---\napiVersion: v1\nmetadata: {name: x}\n", 8],
  ["an object without name", "---\napiVersion: v1\nkind: Pod\n", 8],
  ["a label that is no text", `---\n${pod("x", "10.0.0.8", ", labels: {port: 5432}")}`, 8],
  ["a document that is no object", "---\njust text\n", 8],
  ["a list with something else in it", "---\napiVersion: v1\nkind: List\nitems: [1]\n", 8],
] as const)
  test(`[SRC43] a file with ${what} keeps what it held, the others stay, and the problem names file and line`, async () => {
    write("a.yaml", pod("a", "10.0.0.1"));
    write("b.yaml", pod("b", "10.0.0.2"));
    await open();
    write("b.yaml", `\n${pod("b2", "10.0.0.3")}${broken}`);
    await seen.until(() => seen.problems.size > 0);
    expect([...seen.records.keys()].toSorted()).toEqual([key("a"), key("b")]);
    const [[object, message] = ["", ""]] = seen.problems;
    expect(Number(/^b\.yaml:(\d+)$/.exec(object)?.[1])).toBeGreaterThanOrEqual(line);
    expect(message).toContain("what the file held before stays");
    write("b.yaml", pod("b", "10.0.0.5"));
    await seen.until(() => seen.problems.size === 0);
    expect(ipsOf("b")).toEqual(["10.0.0.5"]);
    expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
  });

test("[SRC42] of two files with one object the first by path wins, and the problem names both", async () => {
  write("b.yaml", pod("a", "10.0.0.2"));
  write("a.yaml", pod("a", "10.0.0.1"));
  await open();
  expect(ipsOf("a")).toEqual(["10.0.0.1"]);
  expect([...seen.problems]).toEqual([["b.yaml:1", "Pod shop/a is also in a.yaml:1, which wins"]]);
  unlinkSync(join(folder, "a.yaml"));
  await seen.until(() => ipsOf("a")?.toString() === "10.0.0.2");
  await seen.until(() => seen.problems.size === 0);
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

test("[SRC45] a folder that vanishes deletes nothing, and is followed again when it is back", async () => {
  write("a.yaml", pod("a", "10.0.0.1"));
  source = new ManifestsSource({ folder, pollMs: 50 });
  source.start(seen);
  await seen.until(() => seen.listedCount === 1);
  renameSync(folder, `${folder}-away`);
  await expect.poll(() => source.health().collections[0]?.state).toBe("absent");
  expect(source.health().collections[0]?.reason).toContain("there is no folder");
  expect(seen.records.has(key("a"))).toBe(true);
  renameSync(`${folder}-away`, folder);
  write("a.yaml", pod("a", "10.0.0.2"));
  await seen.until(() => ipsOf("a")?.toString() === "10.0.0.2");
  expect(seen.changes.filter(({ op }) => op === "delete")).toEqual([]);
});

test("[SRC45] a folder that is not there yet is waited for, and is not listed meanwhile", async () => {
  rmSync(folder, { recursive: true });
  source = new ManifestsSource({ folder, pollMs: 50 });
  source.start(seen);
  await expect.poll(() => source.health().collections[0]?.state).toBe("absent");
  expect(seen.listedCount).toBe(0);
  mkdirSync(folder);
  await seen.until(() => seen.listedCount === 1);
});

test("[SRC7] policies are those of the files, as written", async () => {
  write(
    "p.yaml",
    "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: allow-db, namespace: shop}\nspec: {selector: role == 'api'}\n",
  );
  write(
    "k.yaml",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: shop}\nspec: {podSelector: {}}\n",
  );
  await open();
  expect((await source.policies()).items.map(({ metadata }) => metadata.name)).toEqual([
    "k",
    "allow-db",
  ]);
  expect(seen.records.size).toBe(0);
});
