/** Conditions of ServiceExports, and the status of ServiceImports. Pure. [MCS8] [MCS9] [MCS12] */
import type { ToldCondition } from "../../../shared/api/services.ts";
import { isJsonObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { canonical } from "../plan-writes.ts";
import { metadataOf, textOf } from "../followed-objects.ts";
import type { Conflict, MergedService } from "./merge-exports.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/** Why a Service cannot be exported; `null`: it can. */
export type Unexportable = "NoService" | "InvalidServiceType" | "FederatedService" | null;

const WHY: Record<Exclude<Unexportable, null>, string> = {
  NoService: "there is no Service of this name in the namespace",
  InvalidServiceType: "a Service of type ExternalName has no endpoints to export",
  FederatedService: "the Service is itself filled from others",
};

/**
 * @param isAsked A grant of this cluster names Services.
 * @param conflicts `null`: not all clusters have told yet, and what was said of conflicts stays.
 */
export function exportConditions(
  why: Unexportable,
  isAsked: boolean,
  conflicts: readonly Conflict[] | null,
): readonly Condition[] {
  if (why !== null)
    return [
      { type: "Valid", status: "False", reason: why, message: WHY[why] },
      { type: "Ready", status: "False", reason: "Pending", message: "it cannot be exported" },
    ];
  return [
    { type: "Valid", status: "True", reason: "Valid", message: "" },
    isAsked
      ? { type: "Ready", status: "True", reason: "Exported", message: "" }
      : {
          type: "Ready",
          status: "False",
          reason: "Pending",
          message: "no grant of this cluster names the kind Service: no other cluster sees it",
        },
    ...(conflicts === null ? [] : [conflictOf(conflicts)]),
  ];
}

function conflictOf(conflicts: readonly Conflict[]): Condition {
  if (conflicts.length === 0)
    return { type: "Conflict", status: "False", reason: "NoConflicts", message: "" };
  return {
    type: "Conflict",
    status: "True",
    reason: conflicts.map(({ reason }) => reason).join(","),
    message: conflicts
      .map(({ message }) => message)
      .join("; ")
      .slice(0, 30_000),
  };
}

const OUR_TYPES = ["Valid", "Ready", "Conflict"];

/**
 * Others' conditions stay, and of ours a conflict where nothing is said of it, unless the export is
 * not valid. A time changes with its status alone.
 */
export function withConditions(
  object: JsonObject,
  conditions: readonly Condition[],
  wallMs: number,
): JsonObject {
  const isValid = conditions.every(({ type, status }) => type !== "Valid" || status === "True");
  const isSaid = (type: string): boolean => conditions.some((one) => one.type === type);
  const stays = (type: string): boolean =>
    !OUR_TYPES.includes(type) || (type === "Conflict" && isValid && !isSaid(type));
  const status = isJsonObject(object["status"]) ? object["status"] : {};
  const before = Array.isArray(status["conditions"])
    ? status["conditions"].filter((one: unknown) => isJsonObject(one))
    : [];
  const others = before.filter(({ type }) => stays(String(type)));
  const { generation } = metadataOf(object);
  const ours = conditions.map((condition) => {
    const known = before.find(({ type }) => type === condition.type);
    const isSame = known?.["status"] === condition.status;
    return {
      ...condition,
      ...(typeof generation === "number" ? { observedGeneration: generation } : {}),
      lastTransitionTime: isSame ? known["lastTransitionTime"] : timeOf(wallMs),
    };
  });
  return { ...object, status: { ...status, conditions: [...others, ...ours] } };
}

const READY: Condition = { type: "Ready", status: "True", reason: "Ready", message: "" };
const NO_FAMILY: Condition = {
  type: "Ready",
  status: "False",
  reason: "IPFamilyNotSupported",
  message:
    "its exporters have no family of addresses in common that this cluster gives to Services",
};

export interface ImportStanding {
  readonly hasEndpoints: boolean;
  /** This cluster gives it no address that leads to all exporters. */
  readonly lacksFamily: boolean;
}

export function withImportStatus(
  object: JsonObject,
  { clusters }: Pick<MergedService, "clusters">,
  { hasEndpoints, lacksFamily }: ImportStanding,
  wallMs: number,
): JsonObject {
  const ready = lacksFamily ? NO_FAMILY : READY;
  const { status, ...rest } = withConditions(object, [ready], wallMs);
  return {
    ...rest,
    status: {
      ...(isJsonObject(status) ? status : {}),
      clusters: clusters.map((cluster) => ({ cluster })),
      endpointSliceObjects: hasEndpoints ? "Present" : "Absent",
    },
  };
}

/** As an object has them; whatever is none is left out. */
export function conditionsOf(object: JsonObject | null): readonly ToldCondition[] {
  const status = isJsonObject(object?.["status"]) ? object["status"] : {};
  const { conditions } = status;
  if (!Array.isArray(conditions)) return [];
  return conditions.flatMap((one: unknown) =>
    isJsonObject(one)
      ? [
          {
            type: textOf(one["type"]),
            status: textOf(one["status"]),
            reason: textOf(one["reason"]),
            message: textOf(one["message"]),
          },
        ]
      : [],
  );
}

/** Names of the clusters that a ServiceImport says it is of. */
export function clustersOf(serviceImport: JsonObject): readonly string[] {
  const status = isJsonObject(serviceImport["status"]) ? serviceImport["status"] : {};
  const { clusters } = status;
  if (!Array.isArray(clusters)) return [];
  return clusters.flatMap((one: unknown) =>
    isJsonObject(one) && typeof one["cluster"] === "string" ? [one["cluster"]] : [],
  );
}

export function isSameStatus(a: JsonObject, b: JsonObject): boolean {
  return canonical(a["status"] ?? {}) === canonical(b["status"] ?? {});
}

/** RFC 3339 without fractions, as conditions have it. */
function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
}
