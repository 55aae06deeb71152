/** What `uninstall` looks for, beside the manifests of `deploy/relay`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

import { everythingOfOurs } from "../../../cli/cluster/manifests.ts";
import { pathOf } from "../../../cli/cluster/object-path.ts";
import type { JsonObject } from "../../../relay/kube/kube-object.ts";

const FOLDER = join(import.meta.dirname, "../../../deploy/relay");
/** Applied and deleted by a command of its own, after `uninstall`. */
const APART = "cleanup";

test("[CLI83] every object of every component is found: none is left because a list lacks it", () => {
  const known = everythingOfOurs().map((object) => pathOf(object).title);
  const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter(
    (path) =>
      path.endsWith(".yaml") && !path.endsWith("kustomization.yaml") && !path.startsWith(APART),
  );
  expect(files.length).toBeGreaterThan(8);
  for (const file of files)
    for (const document of parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")))
      expect(known, file).toContain(pathOf(document.toJS() as JsonObject).title);
  expect(known.at(-1)).toBe("Namespace catwalk");
  const at = (title: string): number => known.findIndex((one) => one.startsWith(title));
  expect(at("CustomResourceDefinition")).toBeGreaterThan(at("DaemonSet"));
});
