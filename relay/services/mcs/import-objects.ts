/**
 * A merged Service as the objects that Kubernetes and name servers know: a ServiceImport, and the
 * Service that it is routed by. What others put beside our fields stays. Pure. [MCS6] [MCS7]
 * [MCS12]
 */
import { isJsonObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import {
  APP_MANAGED_BY,
  DERIVED_SERVICE,
  MULTICLUSTER_SERVICE,
  OUR_MANAGER,
} from "../../kube/service-labels.ts";
import { canonical } from "../plan-writes.ts";
import { derivedName } from "./derived-name.ts";
import { metadataOf, textOf } from "../followed-objects.ts";
import type { MergedService } from "./merge-exports.ts";

/** Whether a writer of ours made it. */
export function isOurs(object: JsonObject): boolean {
  const { labels } = metadataOf(object);
  return isJsonObject(labels) && labels[APP_MANAGED_BY] === OUR_MANAGER;
}

/** Fields that are ours; `ipFamilyPolicy` is asked for when the Service is made. */
function serviceSpec(merged: MergedService): JsonObject {
  return {
    ports: merged.ports.map((port) => ({ ...portOf(port), targetPort: port.port })),
    ...behaviourOf(merged),
    ...(merged.headless ? { clusterIP: "None" } : {}),
  };
}

function portOf({ name, protocol, port, appProtocol }: MergedService["ports"][number]): JsonObject {
  return {
    ...(name === "" ? {} : { name }),
    protocol: protocol.toUpperCase(),
    port,
    ...(appProtocol === "" ? {} : { appProtocol }),
  };
}

function behaviourOf(merged: MergedService): JsonObject {
  const { affinitySeconds, internalLocal, trafficDistribution } = merged;
  return {
    sessionAffinity: affinitySeconds > 0 ? "ClientIP" : "None",
    ...(affinitySeconds > 0
      ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: affinitySeconds } } }
      : {}),
    internalTrafficPolicy: internalLocal ? "Local" : "Cluster",
    ...(trafficDistribution === "" ? {} : { trafficDistribution }),
  };
}

/** Fields of a Service's spec that are ours alone: one that is not wanted is taken away. */
const OUR_SERVICE_FIELDS = [
  "ports",
  "sessionAffinity",
  "sessionAffinityConfig",
  "internalTrafficPolicy",
  "trafficDistribution",
];

/** @param held The Service as it is; `null`: it is to be made. */
export function derivedService(
  merged: MergedService,
  serviceImport: JsonObject,
  held: JsonObject | null,
): JsonObject {
  const { namespace, name } = merged;
  const spec = held === null || !isJsonObject(held["spec"]) ? {} : held["spec"];
  const kept = Object.entries(spec).filter(([field]) => !OUR_SERVICE_FIELDS.includes(field));
  const metadata = metadataOf(held);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...metadata,
      name: derivedName(namespace, name),
      namespace,
      labels: {
        ...(isJsonObject(metadata["labels"]) ? metadata["labels"] : {}),
        [APP_MANAGED_BY]: OUR_MANAGER,
        [MULTICLUSTER_SERVICE]: name,
      },
      ownerReferences: [ownerOf(serviceImport)],
    },
    spec: {
      ...(held === null ? { ipFamilyPolicy: "PreferDualStack" } : Object.fromEntries(kept)),
      ...serviceSpec(merged),
    },
  };
}

/** With it goes what was made for it, where somebody deletes the import or its kind. */
function ownerOf(serviceImport: JsonObject): JsonObject {
  const { name, uid } = metadataOf(serviceImport);
  const { apiVersion } = serviceImport;
  return { apiVersion, kind: "ServiceImport", name, uid, controller: true };
}

/** Whether a Service cannot become the other, and is to be made anew. */
export function isOtherType(merged: MergedService, service: JsonObject): boolean {
  const { spec } = service;
  const isHeadless = isJsonObject(spec) && spec["clusterIP"] === "None";
  return isHeadless !== merged.headless;
}

/**
 * Of the addresses that Kubernetes has given to the derived Service, those of families that every
 * exporter has. The Service keeps the others: a family that comes back has the address of before.
 * [MCS12]
 */
function addressesOf({ families }: MergedService, service: JsonObject | null): JsonObject {
  const spec = service !== null && isJsonObject(service["spec"]) ? service["spec"] : {};
  const texts = (field: string): readonly string[] => {
    const value = spec[field];
    return Array.isArray(value) ? value.map(textOf).filter((text) => text !== "") : [];
  };
  const given = texts("ipFamilies");
  const isCommon = (_: string, i: number): boolean =>
    families.includes(given[i] === "IPv6" ? "6" : "4");
  const ips = texts("clusterIPs").filter((ip, i) => ip !== "None" && isCommon(ip, i));
  const ipFamilies = given.filter(isCommon);
  return {
    ...(ips.length === 0 ? {} : { ips }),
    ...(ipFamilies.length === 0 ? {} : { ipFamilies }),
  };
}

/** Whether this cluster gives Services no address of a family that every exporter has. [MCS12] */
export function lacksFamily(merged: MergedService, service: JsonObject): boolean {
  const spec = isJsonObject(service["spec"]) ? service["spec"] : {};
  const isGiven = Array.isArray(spec["ipFamilies"]) && spec["ipFamilies"].length > 0;
  return isGiven && !("ipFamilies" in addressesOf(merged, service));
}

export function importObject(
  merged: MergedService,
  apiVersion: string,
  service: JsonObject | null,
  held: JsonObject | null,
): JsonObject {
  const { namespace, name, headless, labels, annotations } = merged;
  return {
    apiVersion,
    kind: "ServiceImport",
    metadata: {
      ...metadataOf(held),
      name,
      namespace,
      labels: { ...labels, [APP_MANAGED_BY]: OUR_MANAGER },
      annotations: { ...annotations, [DERIVED_SERVICE]: derivedName(namespace, name) },
    },
    spec: {
      type: headless ? "Headless" : "ClusterSetIP",
      ports: merged.ports.map(portOf),
      ...behaviourOf(merged),
      ...addressesOf(merged, service),
    },
    ...(held === null ? {} : { status: held["status"] ?? {} }),
  };
}

/** Whether two forms of an object say the same in what we write of it. */
export function isSameObject(held: JsonObject, wanted: JsonObject): boolean {
  return ourPart(held) === ourPart(wanted);
}

/** Without what the server keeps for itself, and what it fills in. */
function ourPart(object: JsonObject): string {
  const { labels, annotations, ownerReferences } = metadataOf(object);
  const spec = isJsonObject(object["spec"]) ? object["spec"] : {};
  const owners = Array.isArray(ownerReferences)
    ? ownerReferences.map((owner: unknown) => (isJsonObject(owner) ? owner["uid"] : null))
    : [];
  return canonical([labels ?? {}, annotations ?? {}, owners, spec]);
}
