/**
 * Kubernetes' EndpointSlice → one ServiceEndpoint an address, and the time of the last change. A
 * slice is a portion that a controller has cut: another cut gives the same records. [SVC4]
 */
import { formatIp, parseIp } from "../../../shared/ip/address.ts";
import type { ServiceEndpoint, ServicePort } from "../../../shared/record/record.ts";
import { sortedPorts } from "../../../shared/record/service-fields.ts";
import { objectAt, objectsAt, textAt, textMapAt, textsAt } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { CHANGE_TIME, MANAGED_BY, OUR_MANAGER, SERVICE_NAME } from "../../kube/service-labels.ts";
import type { Part, Report } from "./conversion.ts";
import { readServicePort } from "./service.ts";

export function convertSlice(slice: JsonObject, report: Report): readonly Part[] {
  const metadata = objectAt(slice, "metadata", "metadata");
  const labels = textMapAt(metadata, "labels", "metadata.labels");
  const service = labels[SERVICE_NAME] ?? "";
  if (service === "" || labels[MANAGED_BY] === OUR_MANAGER) return [];
  const namespace = textAt(metadata, "namespace", "metadata.namespace");
  const addressType = textAt(slice, "addressType", "addressType");
  if (addressType !== "IPv4" && addressType !== "IPv6") {
    report("addressType", `${addressType} is not federated: only IPv4 and IPv6 are`);
    return [];
  }
  const ports = sortedPorts(
    objectsAt(slice, "ports", "ports").flatMap(
      (port, i) => readServicePort(port, `ports[${i}]`, report) ?? [],
    ),
  );
  const place = { namespace, service, family: addressType === "IPv4" ? 4 : 6, ports } as const;
  const byIp = new Map<string, ServiceEndpoint>();
  for (const [i, endpoint] of objectsAt(slice, "endpoints", "endpoints").entries()) {
    const record = convertEndpoint(endpoint, place, `endpoints[${i}]`, report);
    const before = byIp.get(record?.ip ?? "");
    if (record !== null && (before === undefined || useOf(record) > useOf(before)))
      byIp.set(record.ip, record);
  }
  const endpoints = [...byIp].map(([part, record]): Part => ({ part, record }));
  return [...endpoints, ...changeOf(metadata, namespace, service)];
}

/** As kube-proxy has it: of an address that is there twice the pod counts that can be used. */
export function useOf({ notReady, notServing }: ServiceEndpoint): number {
  if (!notReady) return 2;
  return notServing ? 0 : 1;
}

interface Place {
  readonly namespace: string;
  readonly service: string;
  readonly family: 4 | 6;
  readonly ports: readonly ServicePort[];
}

function convertEndpoint(
  endpoint: JsonObject,
  { namespace, service, family, ports }: Place,
  path: string,
  report: Report,
): ServiceEndpoint | null {
  // kube-proxy uses the first one only.
  const [text = ""] = textsAt(endpoint, "addresses", `${path}.addresses`);
  const address = parseIp(text);
  if (address === null || address.length !== (family === 4 ? 4 : 16)) {
    report(`${path}.addresses[0]`, `${JSON.stringify(text)} is not an IPv${family} address`);
    return null;
  }
  const conditions = objectAt(endpoint, "conditions", `${path}.conditions`);
  const target = objectAt(endpoint, "targetRef", `${path}.targetRef`);
  const isPod = textAt(target, "kind", `${path}.targetRef.kind`) === "Pod";
  const isTerminating = conditions["terminating"] === true;
  // Absent: ready, and serving as it is ready.
  const isReady = conditions["ready"] !== false;
  const isServing = (conditions["serving"] ?? isReady) !== false;
  return {
    kind: "ServiceEndpoint",
    namespace,
    service,
    ip: formatIp(address),
    ports,
    notReady: !isReady,
    notServing: !isServing,
    terminating: isTerminating,
    zone: textAt(endpoint, "zone", `${path}.zone`),
    hostname: textAt(endpoint, "hostname", `${path}.hostname`),
    pod: isPod ? textAt(target, "name", `${path}.targetRef.name`) : "",
  };
}

function changeOf(metadata: JsonObject, namespace: string, service: string): readonly Part[] {
  const annotations = textMapAt(metadata, "annotations", "metadata.annotations");
  const atMs = Date.parse(annotations[CHANGE_TIME] ?? "");
  if (!Number.isFinite(atMs) || atMs < 0) return [];
  return [{ part: "changed", record: { kind: "ServiceChange", namespace, service, atMs } }];
}
