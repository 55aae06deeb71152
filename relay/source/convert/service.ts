/** Kubernetes' Service → Service, as other clusters select it. [SVC4] */
import type { Service, ServicePort } from "../../../shared/record/record.ts";
import { sortedPorts } from "../../../shared/record/service-fields.ts";
import {
  flagAt,
  isJsonObject,
  objectAt,
  objectsAt,
  textAt,
  textsAt,
} from "../../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../../kube/kube-object.ts";
import { APP_MANAGED_BY, OUR_MANAGER, SELECTOR_ANNOTATION } from "../../kube/service-labels.ts";
import type { Report } from "./conversion.ts";

/** Whether a Service asks to be filled, rightly or not. */
export function isFillable(service: JsonObject): boolean {
  const { metadata } = service;
  const annotations = isJsonObject(metadata) ? metadata["annotations"] : null;
  return isJsonObject(annotations) && SELECTOR_ANNOTATION in annotations;
}

export function convertService(object: KubeObject, report: Report): Service | null {
  const { metadata, spec } = object;
  // A name elsewhere: it has no endpoints.
  if (textAt(spec, "type", "spec.type") === "ExternalName") return null;
  // Made for an import: what it holds comes from elsewhere. [MCS3]
  if (metadata.labels[APP_MANAGED_BY] === OUR_MANAGER) return null;
  const written = objectsAt(spec, "ports", "spec.ports");
  const appProtocols = written.flatMap((port, i) => {
    const value = textAt(port, "appProtocol", `spec.ports[${i}].appProtocol`);
    const name = textAt(port, "name", `spec.ports[${i}].name`);
    // No label's key is empty; a Service's only port has no name.
    return value === "" ? [] : [[name === "" ? "-" : name, value] as const];
  });
  return {
    kind: "Service",
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels,
    ports: sortedPorts(
      written.flatMap((port, i) => readServicePort(port, `spec.ports[${i}]`, report) ?? []),
    ),
    appProtocols: Object.fromEntries(appProtocols),
    headless: textAt(spec, "clusterIP", "spec.clusterIP") === "None",
    publishNotReady: flagAt(spec, "publishNotReadyAddresses", "spec.publishNotReadyAddresses"),
    federated: SELECTOR_ANNOTATION in metadata.annotations,
    affinitySeconds: affinityOf(spec),
    internalLocal: textAt(spec, "internalTrafficPolicy", "spec.internalTrafficPolicy") === "Local",
    trafficDistribution: textAt(spec, "trafficDistribution", "spec.trafficDistribution"),
    families: familiesOf(textsAt(spec, "ipFamilies", "spec.ipFamilies")),
  };
}

/** As Kubernetes has it where no time is given: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

function affinityOf(spec: JsonObject): number {
  if (textAt(spec, "sessionAffinity", "spec.sessionAffinity") !== "ClientIP") return 0;
  const config = objectAt(spec, "sessionAffinityConfig", "spec.sessionAffinityConfig");
  const path = "spec.sessionAffinityConfig.clientIP";
  const seconds = objectAt(config, "clientIP", path)["timeoutSeconds"];
  return typeof seconds === "number" ? seconds : DEFAULT_AFFINITY_SECONDS;
}

/** See `Service.families`. */
function familiesOf(families: readonly string[]): string {
  const digits = families.map((family) => (family === "IPv6" ? "6" : "4")).join("");
  return digits === "4" ? "" : digits;
}

/** A port of a Service or a slice; `null`: it names no number, or is reported. */
export function readServicePort(
  port: JsonObject,
  path: string,
  report: Report,
): ServicePort | null {
  const number = port["port"] ?? null;
  // In a slice: all ports.
  if (number === null) return null;
  const protocol = protocolOf(textAt(port, "protocol", `${path}.protocol`));
  if (protocol === null) report(`${path}.protocol`, "must be TCP, UDP or SCTP");
  if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > 65_535)
    report(`${path}.port`, "must be 1 to 65535");
  else if (protocol !== null)
    return { name: textAt(port, "name", `${path}.name`), protocol, port: number };
  return null;
}

function protocolOf(text: string): ServicePort["protocol"] | null {
  switch (text) {
    case "":
    case "TCP":
      return "tcp";
    case "UDP":
      return "udp";
    case "SCTP":
      return "sctp";
    default:
      return null;
  }
}
