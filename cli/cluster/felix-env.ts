/**
 * Which Typha the Felixes of a `calico-node` look for: two variables of its container, read and
 * replaced. What they were before is kept in an annotation, which is the way back. [CLI85]
 */
import { parseJson } from "../../shared/lib/parse-json.ts";
import { isJsonObject, objectAt, objectsAt } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";

/** Of `deploy/relay/base/service.yaml`. */
export const RELAY_SERVICE = { namespace: "catwalk", name: "catwalk-relay" } as const;
export const FELIX_VARIABLES = {
  FELIX_TYPHAK8SNAMESPACE: RELAY_SERVICE.namespace,
  FELIX_TYPHAK8SSERVICENAME: RELAY_SERVICE.name,
} as const;
export const CALICO_NODE = "calico-node";
/** On the DaemonSet: the two variables as they were, as a JSON list. */
export const BEFORE = "catwalk.dev/felix-typha-before";

/** Where the Felix of a pod, or of a DaemonSet's pods, looks for Typha. */
export type Pointed = "relay" | "typha" | "half" | "address" | "none";

/** @param pod `spec` of a pod, or of a template. @returns `null` without a calico-node in it. */
export function pointedAt(pod: JsonObject): Pointed | null {
  const env = environmentOf(pod);
  if (env === null) return null;
  if (valueOf(env, "FELIX_TYPHAADDR") !== null) return "address";
  const said = Object.entries(FELIX_VARIABLES).map(([name, ours]) => {
    const value = valueOf(env, name);
    return value === null ? "none" : value === ours ? "relay" : "typha";
  });
  const [first = "none", second = "none"] = said;
  if (first === second) return first;
  // The namespace has a default, so that a service alone is Typha's.
  return said.includes("relay") ? "half" : "typha";
}

/** Whether its Felix shows Typha a certificate. */
export function usesTls(pod: JsonObject): boolean {
  const env = environmentOf(pod) ?? [];
  return ["FELIX_TYPHACAFILE", "FELIX_TYPHACERTFILE"].some((name) => valueOf(env, name) !== null);
}

/** @returns What to write instead; `null`: it is so already. @throws FieldProblem */
export function pointed(daemonSet: JsonObject): JsonObject | null {
  if (pointedAt(podSpecOf(daemonSet)) === "relay") return null;
  const env = environmentOf(podSpecOf(daemonSet)) ?? [];
  const isOurs = (entry: JsonObject): boolean =>
    Object.hasOwn(FELIX_VARIABLES, String(entry["name"]));
  const ours = Object.entries(FELIX_VARIABLES).map(([name, value]) => ({ name, value }));
  const annotations = annotationsOf(daemonSet);
  // What half a step of before has left must not become what there was before it.
  const before = annotations[BEFORE] ?? JSON.stringify(env.filter(isOurs));
  return withAnnotations(
    withEnvironment(daemonSet, [...env.filter((one) => !isOurs(one)), ...ours]),
    {
      ...annotations,
      [BEFORE]: before,
    },
  );
}

/** @returns What to write instead; `null`: nothing of ours is in it. @throws FieldProblem */
export function unpointed(daemonSet: JsonObject): JsonObject | null {
  const { [BEFORE]: kept, ...annotations } = annotationsOf(daemonSet);
  if (kept === undefined) return null;
  const before = parseJson(typeof kept === "string" ? kept : "");
  const entries = before.ok && Array.isArray(before.value) ? before.value : [];
  const env = environmentOf(podSpecOf(daemonSet)) ?? [];
  const others = env.filter((entry) => !Object.hasOwn(FELIX_VARIABLES, String(entry["name"])));
  return withAnnotations(
    withEnvironment(daemonSet, [...others, ...entries.filter(isJsonObject)]),
    annotations,
  );
}

/** It was pointed at the relays, and somebody has put its variables back. @throws FieldProblem */
export function isPutBack(daemonSet: JsonObject): boolean {
  return BEFORE in annotationsOf(daemonSet) && pointedAt(podSpecOf(daemonSet)) !== "relay";
}

/** @throws FieldProblem */
export function podSpecOf(daemonSet: JsonObject): JsonObject {
  const template = objectAt(objectAt(daemonSet, "spec", "spec"), "template", "spec.template");
  return objectAt(template, "spec", "spec.template.spec");
}

function environmentOf(pod: JsonObject): readonly JsonObject[] | null {
  const container = objectsAt(pod, "containers", "containers").find(
    ({ name }) => name === CALICO_NODE,
  );
  return container === undefined ? null : objectsAt(container, "env", "containers.env");
}

/** A variable that is read from elsewhere (a ConfigMap) has some value. */
function valueOf(env: readonly JsonObject[], name: string): string | null {
  const entry = env.find((one) => one["name"] === name);
  if (entry === undefined) return null;
  const { value, valueFrom } = entry;
  if (typeof value === "string" && value !== "") return value;
  return valueFrom === undefined ? null : "(from elsewhere)";
}

function annotationsOf(object: JsonObject): JsonObject {
  return objectAt(objectAt(object, "metadata", "metadata"), "annotations", "metadata.annotations");
}

function withAnnotations(object: JsonObject, annotations: JsonObject): JsonObject {
  return { ...object, metadata: { ...objectAt(object, "metadata", "metadata"), annotations } };
}

function withEnvironment(daemonSet: JsonObject, env: readonly JsonObject[]): JsonObject {
  const spec = objectAt(daemonSet, "spec", "spec");
  const pod = podSpecOf(daemonSet);
  const containers = objectsAt(pod, "containers", "containers").map((one) =>
    one["name"] === CALICO_NODE ? { ...one, env } : one,
  );
  const template = objectAt(spec, "template", "spec.template");
  return {
    ...daemonSet,
    spec: { ...spec, template: { ...template, spec: { ...pod, containers } } },
  };
}
