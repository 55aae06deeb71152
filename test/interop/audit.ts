/** What the relay's account asked of an API server, by its audit log, and what roles let it ask. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parseAllDocuments } from "yaml";

export interface Audited {
  readonly verb: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

interface Role {
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** @param folder Of a `KubeServer`. */
export function audited(folder: string): readonly Audited[] {
  const lines = readFileSync(join(folder, "audit.log"), "utf8").trim().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Audited);
}

/** What was asked: `group/resource verb`. @param folder Of a `KubeServer`. */
export function asked(folder: string): readonly string[] {
  return audited(folder).flatMap(({ verb, objectRef }) => {
    if (objectRef === undefined) return [];
    const { apiGroup = "", resource, subresource } = objectRef;
    return [`${apiGroup}/${resource}${subresource === undefined ? "" : `/${subresource}`} ${verb}`];
  });
}

/** What the roles of a file of manifests give, in the same words. */
export function rightsOf(file: string): readonly string[] {
  return parseAllDocuments(readFileSync(file, "utf8"))
    .flatMap((document) => (document.toJS() as Role).rules ?? [])
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`)),
      ),
    );
}
