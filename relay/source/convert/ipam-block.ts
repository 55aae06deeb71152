/**
 * Calico's IPAMBlock → IPAMBlock, reduced to what routes need: whose the block is, and which of its
 * addresses another node uses. Handles, owners and sequence numbers stay at home. A block whose
 * CIDR does not parse stops Calico's own syncer; here it is dropped and reported, and stops
 * nothing. Source: calico v3.32.1 libcalico-go/lib/backend/model/block.go.
 */
import { formatCidr, parseCidr } from "../../../shared/ip/cidr.ts";
import type { IPAMBlock } from "../../../shared/record/record.ts";
import type { Report } from "./conversion.ts";
import {
  FieldProblem,
  flagAt,
  isJsonObject,
  listAt,
  objectAt,
  textAt,
} from "../../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../../kube/kube-object.ts";

/** [SRC20] */
export function convertIPAMBlock({ spec }: KubeObject, report: Report): IPAMBlock | null {
  return readIPAMBlock(spec, report);
}

/** @param spec Of the custom resource; the value of Calico's v1 key has the same fields. */
export function readIPAMBlock(spec: JsonObject, report: Report): IPAMBlock | null {
  const text = textAt(spec, "cidr", "spec.cidr");
  const cidr = text.includes("/") ? parseCidr(text) : null;
  if (cidr === null) throw new FieldProblem("spec.cidr", `${JSON.stringify(text)} is not a CIDR`);
  const affinity = textAt(spec, "affinity", "spec.affinity");
  if (flagAt(spec, "deleted", "spec.deleted") || affinity.startsWith("virtual:")) return null;
  const node = affinity.startsWith("host:") ? affinity.slice("host:".length) : "";
  if (affinity !== "" && node === "")
    report("spec.affinity", `${JSON.stringify(affinity)} must be host:NODE or virtual:NAME`);
  const size = 2 ** Math.min(16, cidr.address.length * 8 - cidr.length);
  return {
    kind: "IPAMBlock",
    cidr: formatCidr(cidr),
    node,
    borrowed: readBorrowed(spec, node, size, report),
  };
}

function readBorrowed(
  spec: JsonObject,
  owner: string,
  size: number,
  report: Report,
): IPAMBlock["borrowed"] {
  const allocations = listAt(spec, "allocations", "spec.allocations");
  const attributes = listAt(spec, "attributes", "spec.attributes");
  if (allocations.length > size)
    report(
      "spec.allocations",
      `has ${allocations.length} entries, the block has ${size} addresses`,
    );
  const borrowed: { ordinal: number; node: string }[] = [];
  for (const [ordinal, index] of allocations.slice(0, size).entries()) {
    if (index === null || index === undefined) continue;
    const attribute = typeof index === "number" ? attributes[index] : undefined;
    if (typeof index !== "number" || !isJsonObject(attribute)) {
      report(
        `spec.allocations[${ordinal}]`,
        `${JSON.stringify(index)} must be null or the index of one of ${attributes.length} attributes`,
      );
      continue;
    }
    const secondary = objectAt(attribute, "secondary", `spec.attributes[${index}].secondary`);
    const node = textAt(secondary, "node", `spec.attributes[${index}].secondary.node`);
    if (node !== "" && node !== owner) borrowed.push({ ordinal, node });
  }
  return borrowed;
}
