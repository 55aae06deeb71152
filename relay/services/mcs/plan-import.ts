/**
 * An import and an export as they are and as they are to be → the next request; one at a time, so
 * that a writer that ends between two leaves nothing that the next does not take up. Pure. [MCS6]
 */
import type { JsonObject } from "../../kube/kube-object.ts";
import { metadataOf, textOf } from "../followed-objects.ts";
import {
  derivedService,
  importObject,
  isOtherType,
  isOurs,
  isSameObject,
  lacksFamily,
} from "./import-objects.ts";
import type { MergedService } from "./merge-exports.ts";
import { clustersOf, isSameStatus, withConditions, withImportStatus } from "./statuses.ts";
import type { Condition } from "./statuses.ts";

/** Which collection an object is of. */
export type ObjectKind = "export" | "import" | "derived";

export interface ImportStep {
  readonly kind: ObjectKind;
  readonly op: "create" | "replace" | "status" | "delete";
  /** As it is to be; of a deletion as it is. */
  readonly object: JsonObject;
}

export interface ImportState {
  readonly apiVersion: string;
  readonly export: JsonObject | null;
  /** `null`: not to be written now. */
  readonly conditions: readonly Condition[] | null;
  readonly import: JsonObject | null;
  readonly derived: JsonObject | null;
  /** `null`: it is not imported. */
  readonly merged: MergedService | null;
  /** The API server has ServiceImports. */
  readonly hasImports: boolean;
  readonly hasEndpoints: boolean;
  /** Such a cluster has not told everything once: what it gave stays. */
  readonly isIncomplete: (cluster: string) => boolean;
  /** This very thing was written, and the server made of it what is there. */
  readonly isSettled: (step: ImportStep) => boolean;
  readonly wallMs: number;
}

export function planImport(state: ImportState): ImportStep | null {
  return planExport(state) ?? (state.hasImports ? planBoth(state) : null);
}

function planExport({
  export: held,
  conditions,
  wallMs,
  isSettled,
}: ImportState): ImportStep | null {
  if (held === null || conditions === null) return null;
  if (textOf(metadataOf(held)["deletionTimestamp"]) !== "") return null;
  const object = withConditions(held, conditions, wallMs);
  const step = { kind: "export", op: "status", object } as const;
  return isSameStatus(held, object) || isSettled(step) ? null : step;
}

function planBoth(state: ImportState): ImportStep | null {
  const { import: held, derived, merged, isIncomplete } = state;
  if ((held !== null && !isOurs(held)) || (derived !== null && !isOurs(derived))) return null;
  const stays = held === null ? [] : clustersOf(held).filter((cluster) => isIncomplete(cluster));
  if (stays.some((cluster) => merged?.clusters.includes(cluster) !== true)) return null;
  if (merged !== null) return planMerged(state, merged);
  if (held !== null) return { kind: "import", op: "delete", object: held };
  return derived === null ? null : { kind: "derived", op: "delete", object: derived };
}

function planMerged(state: ImportState, merged: MergedService): ImportStep | null {
  const { apiVersion, import: held, derived, hasEndpoints, wallMs, isSettled } = state;
  const replaced = (
    kind: ObjectKind,
    before: JsonObject,
    object: JsonObject,
  ): ImportStep | null => {
    const step = { kind, op: "replace", object } as const;
    return isSameObject(before, object) || isSettled(step) ? null : step;
  };
  if (held === null)
    return { kind: "import", op: "create", object: importObject(merged, apiVersion, null, null) };
  const service = derivedService(merged, { ...held, apiVersion }, derived);
  if (derived === null) return { kind: "derived", op: "create", object: service };
  if (isOtherType(merged, derived)) return { kind: "derived", op: "delete", object: derived };
  const whole = importObject(merged, apiVersion, derived, held);
  const step = replaced("derived", derived, service) ?? replaced("import", held, whole);
  if (step !== null) return step;
  const standing = { hasEndpoints, lacksFamily: lacksFamily(merged, derived) };
  const object = { ...withImportStatus(held, merged, standing, wallMs), apiVersion };
  const told = {
    kind: "import",
    op: "status",
    object: { ...object, kind: "ServiceImport" },
  } as const;
  return isSameStatus(held, object) || isSettled(told) ? null : told;
}
