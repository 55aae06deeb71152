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
/** Names on the command line of kustomize components, by their folders. */
const COMPONENTS = {
  "custom-resources": "crds",
  "export-policy": "export-policy",
  services: "services",
} as const;
export type Component = keyof typeof COMPONENTS;

export interface InstallChoice {
  readonly cluster: string;
  readonly hub: string;
  readonly image: string;
  readonly typha: Installed;
  readonly source: (typeof SOURCES)[number];
  readonly components: readonly Component[];
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
      const { components, typha } = choice;
      // The operator's Typha answers nobody without its certificates.
      if (typha === "operator") patchWith("operator-tls", document);
      for (const name of components) patchWith(COMPONENTS[name], document);
    }
  }
  return [...documents, ...choice.components.flatMap((name) => resourcesOf(COMPONENTS[name]))];
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

interface Kustomization {
  readonly resources?: readonly string[];
  readonly patches: readonly { readonly patch: string }[];
}

function kustomizationsOf(folder: string): readonly Kustomization[] {
  return documentsOf(`${folder}/kustomization.yaml`).map((one) => one.toJS() as Kustomization);
}

function resourcesOf(folder: string): readonly Document[] {
  return kustomizationsOf(folder).flatMap(({ resources = [] }) =>
    resources.flatMap((file) => documentsOf(`${folder}/${file}`)),
  );
}

/** What a component adds to the DaemonSet. */
function patchWith(folder: string, daemonSet: Document): void {
  for (const { patch } of kustomizationsOf(folder).flatMap(({ patches }) => patches))
    for (const step of parse(patch) as readonly Step[]) {
      const path = step.path.split("/").slice(1, -1);
      daemonSet.addIn(path, daemonSet.createNode(step.value));
    }
}

/** `add` to the end of a list; our components have no others. */
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
