/**
 * Calico's IPPool → IPPool. Source: calico v3.32.1
 * libcalico-go/lib/backend/k8s/resources/ippool.go:IPPoolV3ToV1.
 */
import { canonicalCidr } from "../../../shared/ip/cidr.ts";
import type { EncapMode, IPPool } from "../../../shared/record/record.ts";
import { effectiveLabels } from "./calico-metadata.ts";
import type { Report } from "./conversion.ts";
import { FieldProblem, flagAt, textAt, textsAt } from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";

const MODES: Readonly<Record<string, EncapMode>> = {
  "": "",
  Never: "",
  Always: "always",
  CrossSubnet: "cross-subnet",
};

/** [SRC19] */
export function convertIPPool(object: KubeObject, report: Report): IPPool {
  const { spec } = object;
  // Only for its error: a pool's labels are not published, but a broken annotation costs the pool
  // in Calico.
  effectiveLabels(object);
  const text = textAt(spec, "cidr", "spec.cidr");
  const cidr = text.includes("/") ? canonicalCidr(text) : null;
  if (cidr === null) throw new FieldProblem("spec.cidr", `${JSON.stringify(text)} is not a CIDR`);
  const mode = (field: "ipipMode" | "vxlanMode"): EncapMode => {
    const value = textAt(spec, field, `spec.${field}`);
    const found = Object.hasOwn(MODES, value) ? MODES[value] : undefined;
    if (found === undefined)
      report(`spec.${field}`, `${JSON.stringify(value)} must be Never, Always or CrossSubnet`);
    return found ?? "";
  };
  return {
    kind: "IPPool",
    cidr,
    ipipMode: mode("ipipMode"),
    vxlanMode: mode("vxlanMode"),
    natOutgoing: flagAt(spec, "natOutgoing", "spec.natOutgoing"),
    disabled: flagAt(spec, "disabled", "spec.disabled"),
    allowedUses: textsAt(spec, "allowedUses", "spec.allowedUses").toSorted(),
  };
}
