import { spawnSync } from "node:child_process";

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

const CLI = new URL("../../../cli/main.ts", import.meta.url).pathname;
const DEMO = new URL("../../../deploy/demo/db", import.meta.url).pathname;

function dump(...args: string[]) {
  return spawnSync(process.execPath, [CLI, "source", "dump", ...args], { encoding: "utf8" });
}

test("[SRC60] source dump prints one JSON line a key, sorted, with Calico's own keys, and ends", () => {
  const { status, stdout, stderr } = dump("--manifests", DEMO);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { key: string; value: unknown });
  const keys = lines.map(({ key }) => key);
  expect(keys).toEqual(keys.toSorted());
  const postgres = "/calico/v1/host/node-1/workload/k8s/shop%2fpostgres-0/endpoint/eth0";
  expect(lines.find(({ key }) => key === postgres)?.value).toEqual({
    ipv4_nets: ["10.20.1.7/32"],
    ipv6_nets: null,
    labels: {
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "postgres",
      role: "postgres",
    },
    profile_ids: ["kns.shop", "ksa.shop.postgres"],
    ports: [{ name: "sql", protocol: "tcp", port: 5432 }],
  });
});

test("[SRC61] a source that cannot be listed in time ends with 1, and says which collection and why", () => {
  const kubeconfig = join(mkdtempSync(join(tmpdir(), "catwalk-dump-")), "kc.yaml");
  writeFileSync(kubeconfig, "current-context: missing");
  const { status, stdout, stderr } = dump("--kubeconfig", kubeconfig, "--timeout", "2s");
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(
    /not listed within 2 s \(pods, .*kc\.yaml: current-context: there is no context/,
  );
});

for (const folder of ["/no/such/folder", CLI])
  test(`[SRC61] --manifests ${folder === CLI ? "of a file" : folder} is told at once, in one line`, () => {
    const began = performance.now();
    const { status, stdout, stderr } = dump("--manifests", folder);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: `error: --manifests: there is no folder ${folder}\n`,
    });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

test("[SRC61] a kubeconfig that does not exist is told at once", () => {
  const { status, stderr } = dump("--kubeconfig", "/no/such/file");
  expect(status).toBe(1);
  expect(stderr).toContain("there is no file /no/such/file");
});

for (const args of [
  ["--source", "manifests"],
  ["--source", "kubernetes", "--manifests", DEMO],
  ["--source", "manifests", "--manifests", DEMO, "--kubeconfig", "x"],
  ["--source", "etcd"],
  ["--manifests", DEMO, "--timeout", "soon"],
])
  test(`[SRC61] source dump ${args.join(" ").replace(DEMO, "DIR")} is a usage error`, () => {
    const { status, stdout, stderr } = dump(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/--(manifests|kubeconfig|source|timeout)/);
  });
