/**
 * An import and an export as they are and as they are to be → the next request; one at a time, so
 * that a writer that ends between two leaves nothing that the next does not take up. Pure. [MCS6]
 */
import { isJsonObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import type { ServicePort } from "../../../shared/record/record.ts";
import { metadataOf, textOf } from "../followed-objects.ts";
import {
  derivedService,
  importObject,
  isOtherType,
  isOurs,
  isSameObject,
  lacksFamily,
} from "./import-objects.ts";
import type { ExportedService, MergedService } from "./merge-exports.ts";
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
  /** What it is merged of. */
  readonly exported: readonly ExportedService[];
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
  const told = held === null ? [] : clustersOf(held);
  const others = merged?.clusters ?? [];
  if (told.some((cluster) => isIncomplete(cluster) && !others.includes(cluster))) return null;
  const isUndecided = [...told, ...others].some((cluster) => isIncomplete(cluster));
  if (isUndecided && takesAway(state)) return null;
  if (merged !== null) return planMerged(state, merged);
  if (held !== null) return { kind: "import", op: "delete", object: held };
  return derived === null ? null : { kind: "derived", op: "delete", object: derived };
}

/** Another type, or without a port that is there and that an exporter has still. */
function takesAway({ import: held, derived, merged, exported }: ImportState): boolean {
  if (held === null || derived === null || merged === null) return false;
  if (isOtherType(merged, derived)) return true;
  const left = new Set(merged.ports.map(portId));
  const had = new Set(exported.flatMap(({ service }) => service.ports.map(portId)));
  return portIdsOf(held).some((id) => had.has(id) && !left.has(id));
}

function portId({ name, protocol, port }: ServicePort): string {
  return `${name} ${protocol.toUpperCase()} ${port}`;
}

/** Total: what is no list of ports has none. */
function portIdsOf({ spec }: JsonObject): readonly string[] {
  const ports = isJsonObject(spec) && Array.isArray(spec["ports"]) ? spec["ports"] : [];
  return ports.flatMap((port: unknown) =>
    isJsonObject(port)
      ? [`${textOf(port["name"])} ${textOf(port["protocol"])} ${String(port["port"])}`]
      : [],
  );
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
