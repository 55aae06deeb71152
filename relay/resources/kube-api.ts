/** Requests to the API server about custom resources, and what their answers mean. */
import { errorText } from "../../shared/lib/error-text.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { isJsonObject } from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import type { KubeWriter, Transport } from "../kube/transport.ts";
import { describeFailure } from "../kube/watch-event.ts";
import type { Definition } from "./plan.ts";
import { GROUP, PLURALS } from "./resource.ts";
import type { Kind } from "./resource.ts";

export type KubeApi = Pick<Transport, "get"> & KubeWriter;

const REQUEST_MS = 30_000;
const APPLY = "kubectl apply -k of a kustomization with components: [deploy/relay/crds]";

export interface ReadDefinition {
  readonly definition: Definition;
  /** In one line, with what to do; `null`: all is well. */
  readonly problem: string | null;
}

export type StatusOutcome =
  | { readonly kind: "written"; readonly object: JsonObject }
  /** Another version is there, or none: the watch tells it. */
  | { readonly kind: "stale" }
  | { readonly kind: "failed"; readonly message: string };

export async function readDefinition(
  api: KubeApi,
  kind: Kind,
  stopping: AbortSignal,
): Promise<ReadDefinition> {
  const name = `${PLURALS[kind]}.${GROUP}`;
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  const unknown = (why: string): ReadDefinition => ({
    definition: { kind: "unknown" },
    problem: `the CustomResourceDefinition ${name} cannot be read: ${why}`,
  });
  try {
    const { status, body } = await api.get(path, withLimit(stopping));
    if (status === 404)
      return {
        definition: { kind: "absent" },
        problem: `the CustomResourceDefinition ${name} is not there: ${APPLY}`,
      };
    if (status !== 200) return unknown(`${describeFailure(status, body)}${adviceFor(status)}`);
    return { definition: definitionOf(objectOf(body)), problem: null };
  } catch (error) {
    return unknown(errorText(error));
  }
}

/** One that the server has not taken up yet is as one that is not known. */
function definitionOf(object: JsonObject): Definition {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const status = isJsonObject(object["status"]) ? object["status"] : {};
  const { uid, deletionTimestamp } = metadata;
  if (deletionTimestamp !== undefined && deletionTimestamp !== null) return { kind: "leaving" };
  const conditions = Array.isArray(status["conditions"]) ? status["conditions"] : [];
  const isEstablished = conditions.some(
    (one: unknown) =>
      isJsonObject(one) && one["type"] === "Established" && one["status"] === "True",
  );
  return typeof uid === "string" && uid !== "" && isEstablished
    ? { kind: "served", uid }
    : { kind: "unknown" };
}

/** @param object With its version, and the new status. */
export async function writeStatus(
  api: KubeApi,
  kind: Kind,
  name: string,
  object: JsonObject,
  stopping: AbortSignal,
): Promise<StatusOutcome> {
  const path = `/apis/${GROUP}/v1/${PLURALS[kind]}/${name}/status`;
  try {
    const { status, body } = await api.send("PUT", path, object, withLimit(stopping));
    if (status === 200) return { kind: "written", object: objectOf(body) };
    if (status === 409 || status === 404) return { kind: "stale" };
    const why = `${describeFailure(status, body)}${adviceFor(status)}`;
    return { kind: "failed", message: `the status of ${PLURALS[kind]} ${name}: ${why}` };
  } catch (error) {
    return {
      kind: "failed",
      message: `the status of ${PLURALS[kind]} ${name}: ${errorText(error)}`,
    };
  }
}

/** What whoever reads a refusal is to do. */
export function adviceFor(status: number): string {
  return status === 401 || status === 403
    ? "; deploy/relay/crds/rbac.yaml has what the relay's account needs"
    : "";
}

function objectOf(body: string): JsonObject {
  const parsed = parseJson(body);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : {};
}

function withLimit(stopping: AbortSignal): AbortSignal {
  return AbortSignal.any([stopping, AbortSignal.timeout(REQUEST_MS)]);
}
