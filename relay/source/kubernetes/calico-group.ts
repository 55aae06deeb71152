/**
 * Which of Calico's two API groups holds a cluster's objects, by Calico's own rule:
 * `crd.projectcalico.org` unless that group is absent and `projectcalico.org` is there;
 * `CALICO_API_GROUP` overrides. Never both: on a classic cluster Calico's API server serves the
 * same objects a second time. Source: calico v3.32.1
 * libcalico-go/lib/backend/k8s/discovery.go:UsingV3CRDs.
 */
import { parseJson } from "../../../shared/lib/parse-json.ts";
import type { CalicoGroup } from "../convert/converters.ts";
import { isJsonObject } from "../../kube/kube-object.ts";

/** @throws when `CALICO_API_GROUP` names neither group. */
export function groupFromEnv(value: string | undefined): CalicoGroup | null {
  switch (value ?? "") {
    case "":
      return null;
    case "crd.projectcalico.org":
    case "crd.projectcalico.org/v1":
      return "crd.projectcalico.org/v1";
    case "projectcalico.org":
    case "projectcalico.org/v3":
      return "projectcalico.org/v3";
    default:
      throw new Error(
        `CALICO_API_GROUP: ${JSON.stringify(value)} must be crd.projectcalico.org/v1 or projectcalico.org/v3`,
      );
  }
}

/**
 * @param body Answer to `GET /apis` (an APIGroupList).
 * @returns The group to follow, also when neither is there yet: then its collections are absent,
 *   and this is asked again. `null`: the answer is no list of groups.
 */
export function chooseGroup(body: string): CalicoGroup | null {
  const parsed = parseJson(body);
  const json = parsed.ok ? parsed.value : null;
  if (!isJsonObject(json) || !Array.isArray(json["groups"])) return null;
  const names = new Set(
    json["groups"].map((group) => (isJsonObject(group) ? group["name"] : null)),
  );
  const isV3Only = names.has("projectcalico.org") && !names.has("crd.projectcalico.org");
  return isV3Only ? "projectcalico.org/v3" : "crd.projectcalico.org/v1";
}
