/**
 * Custom resources of the cluster as they are read: an RCC or a grant, with what it wants of the
 * hub, or what is wrong with it. Total: any object gives one. [CRD1]
 */
import type { FieldProblem as Problem } from "../../shared/visibility/field-problem.ts";
import { connectionFields } from "../../shared/visibility/rcc-connection.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import { parseRcc } from "../../shared/visibility/rcc.ts";
import { parseScope } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import { FieldProblem, objectAt, textAt, textMapAt } from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";

export const KINDS = ["rcc", "grant"] as const;
export type Kind = (typeof KINDS)[number];

export const GROUP = "catwalk.dev";
export const PLURALS: Readonly<Record<Kind, string>> = {
  rcc: "remoteclusterconfigurations",
  grant: "remoteclustergrants",
};

/** Annotations of ours go to the hub; those of other programs are the cluster's own. */
const OUR_DOMAIN = "catwalk.dev/";

export type Want =
  | {
      readonly kind: "rcc";
      /** Of the RCC: the resource's own. */
      readonly key: string;
      /** The member that it names; `null` for one with connection fields. */
      readonly remote: string | null;
      readonly isOverlayWanted: boolean;
      readonly annotations: Readonly<Record<string, string>>;
      readonly spec: RccSpec;
    }
  | {
      readonly kind: "grant";
      /** Name of the cluster that may see this one. */
      readonly key: string;
      readonly scope: Scope | null;
    };

export interface Resource {
  readonly kind: Kind;
  readonly name: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly createdAt: string;
  /** It goes as soon as nobody holds it. */
  readonly isBeingDeleted: boolean;
  /** As the API server has it. */
  readonly object: JsonObject;
  readonly want:
    | { readonly ok: true; readonly want: Want }
    | { readonly ok: false; readonly problems: readonly Problem[] };
}

/** `null`: it has no name, and so is no object of an API server. */
export function readResource(kind: Kind, object: JsonObject): Resource | null {
  try {
    const metadata = objectAt(object, "metadata", "metadata");
    const name = textAt(metadata, "name", "metadata.name");
    if (name === "") return null;
    const generation = metadata["generation"];
    return {
      kind,
      name,
      resourceVersion: textAt(metadata, "resourceVersion", "metadata.resourceVersion"),
      generation: typeof generation === "number" ? generation : 0,
      createdAt: textAt(metadata, "creationTimestamp", "metadata.creationTimestamp"),
      isBeingDeleted: textAt(metadata, "deletionTimestamp", "metadata.deletionTimestamp") !== "",
      object,
      want: wantOf(kind, name, metadata, object),
    };
  } catch (error) {
    if (error instanceof FieldProblem) return null;
    throw error;
  }
}

function wantOf(
  kind: Kind,
  name: string,
  metadata: JsonObject,
  object: JsonObject,
): Resource["want"] {
  try {
    return kind === "rcc" ? wantedRcc(name, metadata, object) : wantedGrant(object);
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    return { ok: false, problems: [{ field: error.field, rule: error.rule }] };
  }
}

function wantedRcc(name: string, metadata: JsonObject, object: JsonObject): Resource["want"] {
  const all = textMapAt(metadata, "annotations", "metadata.annotations");
  const ours = Object.entries(all).filter(([key]) => key.startsWith(OUR_DOMAIN));
  const parsed = parseRcc({
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name, annotations: Object.fromEntries(ours) },
    spec: object["spec"] ?? {},
  });
  if (!parsed.ok) return { ok: false, problems: parsed.problems };
  const { annotations, spec, remoteName: remote, overlayRoutingMode } = parsed.rcc;
  const isOverlayWanted = overlayRoutingMode === "Enabled";
  return { ok: true, want: { kind: "rcc", key: name, remote, isOverlayWanted, annotations, spec } };
}

function wantedGrant(object: JsonObject): Resource["want"] {
  const spec = objectAt(object, "spec", "spec");
  const key = textAt(spec, "cluster", "spec.cluster");
  if (!NAME_PATTERN.test(key)) throw new FieldProblem("spec.cluster", NAME_RULE);
  if (spec["scope"] === undefined || spec["scope"] === null)
    return { ok: true, want: { kind: "grant", key, scope: null } };
  const parsed = parseScope(spec["scope"]);
  if (!parsed.ok)
    return {
      ok: false,
      problems: parsed.problems.map(({ field, rule }) => ({ field: `spec.${field}`, rule })),
    };
  return { ok: true, want: { kind: "grant", key, scope: parsed.scope } };
}

/** Whether it asks for a datastore of its own, which relays read themselves. */
export function isDirect(want: Want): boolean {
  return want.kind === "rcc" && connectionFields(want.spec).length > 0;
}
