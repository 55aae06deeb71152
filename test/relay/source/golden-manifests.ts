/**
 * The recorded objects, as an API server has them, through the manifests source. What such a server
 * adds to an object on its own is added here.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parse } from "yaml";

import { ManifestsSource } from "../../../relay/source/manifests/manifests-source.ts";
import { GOLDEN } from "./golden.ts";
import { Recorder } from "./recorder.ts";

interface Written {
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; deletionTimestamp?: string };
  spec?: Record<string, unknown>;
}

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

/** @param group Of Calico's own objects. */
export async function loadGolden(group: string): Promise<Recorder> {
  const recorder = new Recorder();
  const folder = folderOf(group);
  const source = new ManifestsSource({ folder });
  source.start(recorder);
  await recorder.until(() => recorder.listedCount === 1);
  await source.stop();
  rmSync(folder, { recursive: true });
  return recorder;
}
