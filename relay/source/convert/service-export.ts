/** The standard's ServiceExport, of either version → ServiceExport. [MCS1] */
import type { Labels, ServiceExport } from "../../../shared/record/record.ts";
import { textMapAt } from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";
import type { Report } from "./conversion.ts";

/** Longest value of a label that a record takes; annotations may be longer. */
const MOST_VALUE = 1_024;

export function convertServiceExport(
  { metadata, spec }: KubeObject,
  report: Report,
): ServiceExport | null {
  // While it is being deleted it exports no more.
  if (metadata.isBeingDeleted) return null;
  const createdMs = Date.parse(metadata.createdAt);
  const textsOf = (field: string): Labels => {
    const path = `spec.${field}`;
    const short = Object.entries(textMapAt(spec, field, path)).filter(([key, value]) => {
      if (value.length <= MOST_VALUE) return true;
      report(`${path}[${JSON.stringify(key)}]`, `must have at most ${MOST_VALUE} characters`);
      return false;
    });
    return Object.fromEntries(short);
  };
  return {
    kind: "ServiceExport",
    namespace: metadata.namespace,
    name: metadata.name,
    createdMs: Number.isFinite(createdMs) && createdMs > 0 ? createdMs : 0,
    labels: textsOf("exportedLabels"),
    annotations: textsOf("exportedAnnotations"),
  };
}
