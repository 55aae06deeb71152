/** A slice that a writer of this cluster has made, as the API server has it. */
import type { ServicePort } from "../../shared/record/record.ts";
import {
  FieldProblem,
  objectAt,
  objectsAt,
  textAt,
  textMapAt,
  textsAt,
} from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { MANAGED_BY, OUR_MANAGER, SERVICE_NAME, SOURCE_CLUSTER } from "../kube/service-labels.ts";
import { groupOf } from "./endpoint-slices.ts";
import type { HeldSlice } from "./endpoint-slices.ts";

export interface OwnSlice extends HeldSlice {
  readonly namespace: string;
  /** Name of the Service that it is of. */
  readonly service: string;
  readonly resourceVersion: string;
  readonly object: JsonObject;
}

/** `null`: it is not ours, or cannot be read. */
export function readOwnSlice(object: JsonObject): OwnSlice | null {
  try {
    const metadata = objectAt(object, "metadata", "metadata");
    const labels = textMapAt(metadata, "labels", "metadata.labels");
    if (labels[MANAGED_BY] !== OUR_MANAGER) return null;
    const cluster = labels[SOURCE_CLUSTER] ?? "";
    const ports = objectsAt(object, "ports", "ports").map(portOf);
    return {
      namespace: textAt(metadata, "namespace", "metadata.namespace"),
      name: textAt(metadata, "name", "metadata.name"),
      resourceVersion: textAt(metadata, "resourceVersion", "metadata.resourceVersion"),
      service: labels[SERVICE_NAME] ?? "",
      cluster,
      ports,
      group: groupOf(cluster, textAt(object, "addressType", "addressType"), ports),
      addresses: objectsAt(object, "endpoints", "endpoints").flatMap((endpoint) =>
        textsAt(endpoint, "addresses", "endpoints.addresses").slice(0, 1),
      ),
      object,
    };
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    return null;
  }
}

function portOf(port: JsonObject): ServicePort {
  const text = textAt(port, "protocol", "ports.protocol").toLowerCase();
  const protocol = text === "udp" || text === "sctp" ? text : "tcp";
  const number = port["port"];
  return {
    name: textAt(port, "name", "ports.name"),
    protocol,
    port: typeof number === "number" ? number : 0,
  };
}
