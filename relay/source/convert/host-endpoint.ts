/**
 * Calico's HostEndpoint → HostEndpoint, keyed by its node: one that moves leaves its old key.
 * Source: calico v3.32.1
 * libcalico-go/lib/backend/syncersv1/updateprocessors/hostendpointprocessor.go.
 */
import { formatIp, parseIp } from "../../../shared/ip/address.ts";
import type { EndpointPort, HostEndpoint } from "../../../shared/record/record.ts";
import { effectiveLabels } from "./calico-metadata.ts";
import type { Report } from "./conversion.ts";
import {
  distinctTextsAt,
  FieldProblem,
  objectsAt,
  textAt,
  textsAt,
} from "../../kube/kube-object.ts";
import type { KubeObject } from "../../kube/kube-object.ts";
import { readPort } from "./ports.ts";

/** [SRC18] */
export function convertHostEndpoint(object: KubeObject, report: Report): HostEndpoint {
  const { metadata, spec } = object;
  const node = textAt(spec, "node", "spec.node");
  if (node === "") throw new FieldProblem("spec.node", "is missing");
  const labels = effectiveLabels(object);
  const v4: string[] = [];
  const v6: string[] = [];
  for (const [i, text] of textsAt(spec, "expectedIPs", "spec.expectedIPs").entries()) {
    const bytes = parseIp(text);
    // A mask too: as an expected address it would end every Felix that gets it.
    if (bytes === null)
      report(`spec.expectedIPs[${i}]`, `${JSON.stringify(text)} is not an IP address`);
    else (bytes.length === 4 ? v4 : v6).push(formatIp(bytes));
  }
  const ports: EndpointPort[] = [];
  for (const [i, entry] of objectsAt(spec, "ports", "spec.ports").entries()) {
    const port = readPort(entry, "port", `spec.ports[${i}]`, report);
    if (port !== null) ports.push(port);
  }
  return {
    kind: "HostEndpoint",
    node,
    name: metadata.name,
    interfaceName: textAt(spec, "interfaceName", "spec.interfaceName"),
    ips: [...v4, ...v6],
    labels,
    profiles: distinctTextsAt(spec, "profiles", "spec.profiles"),
    ports,
  };
}
