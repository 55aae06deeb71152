/**
 * A Service that is filled from others: Calico Enterprise's annotation on a Service without
 * selector, and two of ours. Pure. [SVC10] [SVC11]
 */
import { parseSelector } from "../../shared/selector/parse.ts";
import type { Selector } from "../../shared/selector/ast.ts";
import type { ServicePort } from "../../shared/record/record.ts";
import { FieldProblem, objectsAt, readKubeObject, textAt } from "../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../kube/kube-object.ts";
import {
  AFFINITY_ANNOTATION,
  LOST_AFTER_ANNOTATION,
  SELECTOR_ANNOTATION,
} from "../kube/service-labels.ts";

/** Whose endpoints are preferred, while any of them is ready. */
export type Affinity = "local" | "remote" | "none";

export interface FederatedPort {
  readonly name: string;
  readonly protocol: ServicePort["protocol"];
  readonly appProtocol: string;
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
  /** Empty in a folder of YAML. */
  readonly uid: string;
}

export interface FederatedService extends ServiceName {
  /**
   * Its name in other clusters: of an import, that of the Service which is exported. Empty: that is
   * an import's.
   */
  readonly exportedName: string;
  readonly ports: readonly FederatedPort[];
  readonly selector: Selector;
  /** `clusterIP: None`. */
  readonly headless: boolean;
  readonly affinity: Affinity;
  /** How long endpoints of a cluster that is lost stay ready; `null`: for ever. */
  readonly lostAfterMs: number | null;
}

export type RefusalReason =
  | "HasSelector"
  | "ExternalName"
  | "BadSelector"
  | "BadAnnotation"
  | "BadService";

export type ReadService =
  | { readonly kind: "federated"; readonly service: FederatedService }
  | {
      readonly kind: "refused";
      readonly service: ServiceName;
      readonly reason: RefusalReason;
      readonly message: string;
    };

export function readFederated(json: JsonObject): ReadService {
  const metadata = json["metadata"];
  const named = typeof metadata === "object" && metadata !== null ? metadata : {};
  const text = (field: string): string => {
    const value: unknown = Object.entries(named).find(([key]) => key === field)?.[1];
    return typeof value === "string" ? value : "";
  };
  const service = { namespace: text("namespace"), name: text("name"), uid: text("uid") };
  try {
    return readObject(readKubeObject(json), service);
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    return { kind: "refused", service, reason: "BadService", message: error.message };
  }
}

function readObject({ metadata, spec }: KubeObject, service: ServiceName): ReadService {
  const refuse = (reason: RefusalReason, message: string): ReadService => ({
    kind: "refused",
    service,
    reason,
    message,
  });
  if (textAt(spec, "type", "spec.type") === "ExternalName")
    return refuse(
      "ExternalName",
      `spec.type is ExternalName, so its name stands for another: no endpoint is used, and ${SELECTOR_ANNOTATION} is ignored`,
    );
  if (Object.keys(spec["selector"] ?? {}).length > 0)
    return refuse(
      "HasSelector",
      `spec.selector is there, so Kubernetes fills this Service: ${SELECTOR_ANNOTATION} is ignored`,
    );
  const parsed = parseSelector(metadata.annotations[SELECTOR_ANNOTATION] ?? "");
  if (!parsed.ok) return refuse("BadSelector", `${SELECTOR_ANNOTATION}: ${parsed.error}`);
  const affinity = metadata.annotations[AFFINITY_ANNOTATION] ?? "none";
  if (affinity !== "local" && affinity !== "remote" && affinity !== "none")
    return refuse("BadAnnotation", `${AFFINITY_ANNOTATION}: must be local, remote or none`);
  const lostAfter = readDuration(metadata.annotations[LOST_AFTER_ANNOTATION] ?? "never");
  if (lostAfter === undefined)
    return refuse(
      "BadAnnotation",
      `${LOST_AFTER_ANNOTATION}: must be a duration such as 5m or 1h30m, or never`,
    );
  return {
    kind: "federated",
    service: {
      ...service,
      exportedName: service.name,
      ports: readPorts(spec),
      selector: parsed.selector,
      headless: textAt(spec, "clusterIP", "spec.clusterIP") === "None",
      affinity,
      lostAfterMs: lostAfter,
    },
  };
}

function readPorts(spec: JsonObject): readonly FederatedPort[] {
  return objectsAt(spec, "ports", "spec.ports").map((port, i) => {
    const path = `spec.ports[${i}]`;
    const protocol = textAt(port, "protocol", `${path}.protocol`) || "TCP";
    if (protocol !== "TCP" && protocol !== "UDP" && protocol !== "SCTP")
      throw new FieldProblem(`${path}.protocol`, "must be TCP, UDP or SCTP");
    return {
      name: textAt(port, "name", `${path}.name`),
      protocol: protocol === "TCP" ? "tcp" : protocol === "UDP" ? "udp" : "sctp",
      appProtocol: textAt(port, "appProtocol", `${path}.appProtocol`),
    };
  });
}

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** As Go writes durations; `null` for `never`, `undefined` for what is none. */
function readDuration(text: string): number | null | undefined {
  if (text === "never") return null;
  if (!/^(\d{1,9}(ms|h|m|s))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count = "", unit = ""] of text.matchAll(/(\d+)(ms|h|m|s)/g))
    sum += Number(count) * (Object.entries(UNIT_MS).find(([name]) => name === unit)?.[1] ?? 0);
  return sum;
}

/** `shop/db`. */
export function serviceKey({ namespace, name }: Pick<ServiceName, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}
