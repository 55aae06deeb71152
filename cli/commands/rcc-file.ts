/** RCCs from a file, as the hub is sent them. */
import { isName, NAME_RULE } from "../../shared/lib/names.ts";
import { parseRcc } from "../../shared/visibility/rcc.ts";
import type { RccDocument, RccRequest } from "../../shared/visibility/rcc.ts";
import { CommandError } from "../admin/usage-error.ts";
import { readObjects } from "./documents.ts";

export interface LocatedRcc {
  readonly line: number;
  readonly rcc: RccRequest;
}

/** All of them, or none of a wrong one. @throws CommandError naming line, field and rule. */
export function readRccs(file: string): readonly LocatedRcc[] {
  return readObjects(file, "--file").map(({ json, line }) => {
    try {
      return { line, rcc: checked(json) };
    } catch (error) {
      throw located(file, line, error);
    }
  });
}

/** What goes wrong in a document says where it is. */
export function located(file: string, line: number, error: unknown): unknown {
  return error instanceof CommandError
    ? new CommandError(`${file}:${line}: ${error.message}`, { cause: error })
    : error;
}

/**
 * What of a document the hub is sent: not what Kubernetes and kubectl keep in it, which may hold
 * what is nobody's business.
 */
export function documentOf({ name, annotations, spec }: RccRequest): RccDocument {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name, annotations: { ...annotations } },
    spec,
  };
}

/** @throws CommandError naming each field that is wrong, and its rule. */
function checked(document: Readonly<Record<string, unknown>>): RccRequest {
  const { kind, metadata } = document;
  if (kind !== "RemoteClusterConfiguration") {
    const got = kind === undefined ? "" : `, not ${JSON.stringify(kind)}`;
    throw new CommandError(`kind: must be RemoteClusterConfiguration${got}`);
  }
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw new CommandError("metadata: must be an object with a name");
  const { name } = metadata as { readonly name?: unknown };
  if (typeof name === "string" && !isName(name))
    throw new CommandError(`metadata.name: ${JSON.stringify(name)} ${NAME_RULE}`);
  const parsed = parseRcc(document);
  if (parsed.ok) return parsed.rcc;
  throw new CommandError(parsed.problems.map(({ field, rule }) => `${field}: ${rule}`).join("; "));
}
