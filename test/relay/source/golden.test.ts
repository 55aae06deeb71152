/**
 * The recorded objects through the manifests source, compared key by key with what Calico made of them on a real API server. What such a
 * server adds to an object on its own is added here, to the input; the expectation stays Calico's.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";
import { parse } from "yaml";

import { ManifestsSource } from "../../../relay/source/manifests/manifests-source.ts";
import { expectedOf, GOLDEN } from "./golden.ts";
import { Recorder } from "./recorder.ts";

interface Written {
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; deletionTimestamp?: string };
  spec?: Record<string, unknown>;
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** What make-fixtures.sh deletes: finalizers keep these objects, marked. */
const TERMINATING = /^(term-.*|going)$/;

function asServed(object: Written): Written {
  const { kind, metadata } = object;
  if (TERMINATING.test(metadata.name)) metadata.deletionTimestamp = "2026-11-21T00:00:00Z";
  // The NamespaceDefaultLabelName and ServiceAccount admission of a real server.
  if (kind === "Namespace")
    metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name };
  if (kind === "Pod") object.spec = { serviceAccountName: "default", ...object.spec };
  return object;
}

function folderOf(group: string): string {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-golden-"));
  folders.push(folder);
  const files = ["00-nodes", "10-namespaces", "20-serviceaccounts", "30-pods", "40-calico"];
  if (group.startsWith("crd.")) files.push("41-calico-v1-only");
  for (const file of files) {
    const text = readFileSync(new URL(`fixtures/${file}.yaml`, GOLDEN), "utf8");
    const { items } = parse(text.replaceAll("CALICO_GROUP", group)) as { items: Written[] };
    const list = { apiVersion: "v1", kind: "List", items: items.map(asServed) };
    writeFileSync(join(folder, `${file}.json`), JSON.stringify(list));
  }
  return folder;
}

async function load(group: string): Promise<Recorder> {
  const recorder = new Recorder();
  const source = new ManifestsSource({ folder: folderOf(group) });
  source.start(recorder);
  await recorder.until(() => recorder.listedCount === 1);
  await source.stop();
  return recorder;
}

for (const [group, file] of [
  ["crd.projectcalico.org/v1", "v1-base.jsonl"],
  ["projectcalico.org/v3", "v3-base.jsonl"],
] as const) {
  test(`[SRC10] objects of ${group} give Calico's own key/values in every published field`, async () => {
    const recorder = await load(group);
    const [dump, expected] = [recorder.dump(), expectedOf(file)];
    expect([...dump.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
    for (const [key, value] of expected) expect(dump.get(key), key).toEqual(value);
    expect(expected.size).toBeGreaterThan(85);
  });
}

test("[SRC4] every recorded object that Calico drops is told, with object, field and rule", async () => {
  const { problems } = await load("crd.projectcalico.org/v1");
  expect([...problems.keys()].toSorted()).toEqual([
    "HostEndpoint meta-broken",
    "IPPool vxlan-always",
    "Node node-c.bad",
    "Pod shop/ann-ip-bad",
    "Pod shop/ann-ips-spaces",
    "Pod shop/float-bad-json",
    "Pod shop/float-empty",
    "Pod shop/spoof",
    "Pod shop/spoof-bad-json",
  ]);
  expect(problems.get("Pod shop/ann-ip-bad")).toMatch(
    /^30-pods\.json:\d+: annotation cni\.projectcalico\.org\/podIP: "bogus" is not an IP address/,
  );
});
