/**
 * In group `crd.projectcalico.org/v1` part of an object's metadata lives in annotation
 * `projectcalico.org/metadata` (JSON of an ObjectMeta): its labels lie over the object's own. In
 * `projectcalico.org/v3` labels are plain. Source: calico v3.32.1
 * libcalico-go/lib/backend/k8s/resources/resources.go:ConvertK8sResourceToCalicoResource.
 */
import { parseJson } from "../../../shared/lib/parse-json.ts";
import type { Labels } from "../../../shared/record/record.ts";
import { FieldProblem, isJsonObject, textMapAt } from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";

const ANNOTATION = "projectcalico.org/metadata";

/**
 * @throws FieldProblem when the annotation is not JSON of an ObjectMeta: Calico drops the whole
 *   object. [SRC17]
 */
export function effectiveLabels({ apiVersion, metadata }: KubeObject): Labels {
  const text = metadata.annotations[ANNOTATION];
  if (apiVersion !== "crd.projectcalico.org/v1" || text === undefined || text === "")
    return metadata.labels;
  const parsed = parseJson(text);
  if (!parsed.ok)
    throw new FieldProblem(
      `annotation ${ANNOTATION}`,
      `is not JSON (${parsed.message}); Calico drops the whole object, and so does this relay`,
    );
  const overlay = parsed.value;
  if (overlay === null) return metadata.labels;
  if (!isJsonObject(overlay))
    throw new FieldProblem(`annotation ${ANNOTATION}`, "must be an object");
  return {
    ...metadata.labels,
    ...textMapAt(overlay, "labels", `annotation ${ANNOTATION} labels`),
  };
}
