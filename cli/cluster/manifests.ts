/** The manifests of `deploy/relay`, for one cluster. [CLI80] */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parse, parseAllDocuments } from "yaml";
import type { Document } from "yaml";

import { errorText } from "../../shared/lib/error-text.ts";
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { CommandError } from "../admin/usage-error.ts";
import { NAMESPACES } from "./calico.ts";
import type { Installed } from "./calico.ts";

const FOLDER = join(import.meta.dirname, "../../deploy/relay");
/** In the order in which they are applied. */
const FILES = ["namespace", "rbac", "settings", "service", "daemonset", "label-domain"] as const;
export const SOURCES = ["typha", "kubernetes"] as const;

export interface InstallChoice {
  readonly cluster: string;
  readonly hub: string;
  readonly image: string;
  readonly typha: Installed;
  readonly source: (typeof SOURCES)[number];
}

/** @throws CommandError where the manifests are not, as in the relay's image. */
export function manifests(choice: InstallChoice): readonly Document[] {
  const files = FILES.map((name) => `base/${name}.yaml`);
  if (choice.source === "kubernetes") files.push("source-kubernetes/rbac.yaml");
  const documents = files.flatMap(documentsOf);
  for (const document of documents) {
    const kind = document.get("kind");
    if (kind === "ConfigMap") {
      document.setIn(["metadata", "annotations"], { "catwalk.dev/cluster": choice.cluster });
      document.setIn(["data", "CATWALK_HUB"], choice.hub);
      document.setIn(["data", "CATWALK_TYPHA_SERVICE"], `${NAMESPACES[choice.typha]}/calico-typha`);
    } else if (kind === "DaemonSet") {
      setContainer(document, choice);
      if (choice.typha === "operator") addCertificates(document);
    }
  }
  return documents;
}

export function textOf(documents: readonly Document[]): string {
  return documents
    .map((document) => document.toString({ directives: false, lineWidth: 0 }))
    .join("---\n");
}

export function objectsOf(documents: readonly Document[]): readonly JsonObject[] {
  return documents.map((document) => document.toJS() as unknown).filter(isJsonObject);
}

/**
 * All that any way of installing has made, the last one first: what is to be deleted.
 * @throws CommandError
 */
export function everythingOfOurs(): readonly JsonObject[] {
  const base = FILES.map((name) => `base/${name}.yaml`);
  const files = [
    ...base.slice(0, 1),
    // Only once no relay is left that would see its resources go.
    "crds/remoteclusterconfigurations.yaml",
    "crds/remoteclustergrants.yaml",
    ...base.slice(1),
    "source-kubernetes/rbac.yaml",
    "services/rbac.yaml",
    "services/mcs.yaml",
    "crds/rbac.yaml",
    "export-policy/policy.yaml",
  ];
  return objectsOf(files.flatMap(documentsOf)).toReversed();
}

function documentsOf(file: string): readonly Document[] {
  try {
    return parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")) as Document[];
  } catch (error) {
    throw new CommandError(
      `the manifests are part of Catwalk's folder, not of its image: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** What the component `operator-tls` adds: the operator's Typha answers nobody without it. */
function addCertificates(document: Document): void {
  const components = documentsOf("operator-tls/kustomization.yaml").map(
    (one) => one.toJS() as { readonly patches: readonly { readonly patch: string }[] },
  );
  for (const { patch } of components.flatMap(({ patches }) => patches))
    for (const step of parse(patch) as readonly Step[]) {
      const path = step.path.split("/").slice(1, -1);
      document.addIn(path, document.createNode(step.value));
    }
}

/** `add` to the end of a list; the component has no others. */
interface Step {
  readonly path: string;
  readonly value: unknown;
}

function setContainer(document: Document, { image, source }: InstallChoice): void {
  const container = ["spec", "template", "spec", "containers", 0];
  document.setIn([...container, "image"], image);
  const args = (document.toJS() as { readonly spec: DaemonSetSpec }).spec.template.spec
    .containers[0]?.args;
  const at = args?.indexOf("--source=typha") ?? -1;
  if (at < 0) throw new Error("BUG: the DaemonSet has no --source=typha");
  document.setIn([...container, "args", at], `--source=${source}`);
}

interface DaemonSetSpec {
  readonly template: {
    readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
  };
}
