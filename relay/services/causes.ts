/**
 * Why endpoints or Services are missing, in words: of one source cluster of a Service, and of an
 * export that is not imported. Pure. [SVC41]
 */
import type { Cause } from "../../shared/api/services.ts";
import type { NotImported } from "./mcs/imports.ts";
import type { Selection } from "./select-endpoints.ts";

/** @param isIncomplete The cluster has not told everything once. */
export function causesOf(
  { cluster, services, missing }: Selection,
  affinity: string,
  isIncomplete: boolean,
): readonly Cause[] {
  const { federated, portless, untakenPorts, leftOut, timedOut } = missing;
  const of = cluster.name;
  const told: (Cause | null)[] = [
    isIncomplete
      ? {
          reason: "NotTold",
          message: `${of} has not told all its Services yet: what is written of it stays`,
        }
      : null,
    federated.length > 0
      ? {
          reason: "FederatedService",
          message: `${federated.join(", ")} of ${of} matches and is itself filled from others, so it fills none`,
        }
      : null,
    services.length === 0 && federated.length === 0 && !isIncomplete
      ? { reason: "NoMatch", message: `no Service of ${of} in this namespace matches` }
      : null,
    untakenPorts.length > 0
      ? {
          reason: "PortConflict",
          message: `${untakenPorts.join(", ")} of ${of} is not taken: an older export has the port otherwise`,
        }
      : null,
    portless > 0
      ? {
          reason: "NoPort",
          message: `${endpoints(portless)} of ${of} without a port of this Service's name and protocol`,
        }
      : null,
    leftOut > 0
      ? {
          reason: "Affinity",
          message: `${endpoints(leftOut)} of ${of} left out: affinity is ${affinity}, and an endpoint of that side is ready`,
        }
      : null,
    cluster.lostMs !== null
      ? { reason: "Lost", message: `${of} is not heard now: what it told stays` }
      : null,
    timedOut > 0
      ? {
          reason: "LostTooLong",
          message: `${endpoints(timedOut)} of ${of} not ready: it is lost for longer than lost-after`,
        }
      : null,
  ];
  return told.flatMap((cause) => cause ?? []);
}

function endpoints(count: number): string {
  return count === 1 ? "1 endpoint" : `${count} endpoints`;
}

/** Why an export is not imported. */
export function importCause({ cluster, namespace, name, why }: NotImported): Cause {
  switch (why) {
    case "NoNamespace":
      return {
        reason: "NoNamespace",
        message: `${cluster} exports ${namespace}/${name}, and there is no namespace ${namespace} here`,
      };
    case "NoService":
      return {
        reason: "NoService",
        message: `${cluster} exports ${namespace}/${name} and shows no Service of that name: it has none, or the grant's scope leaves it out`,
      };
    case "FederatedService":
      return {
        reason: "FederatedService",
        message: `${namespace}/${name} of ${cluster} is itself filled from others, so it is not exported`,
      };
    case "OverBound":
      return {
        reason: "OverBound",
        message: `${namespace}/${name} is not among the oldest exports of ${cluster} that are imported of one cluster`,
      };
  }
}
