/**
 * The status of a custom resource: a pure function of how it stands at the hub and of what this
 * relay has of the remote. A condition keeps its time for as long as it says the same. [CRD8]
 */
import type { OwnState } from "../../shared/api/own.ts";
import { CONNECTION_WORDS } from "../../shared/visibility/connection-words.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import { describeScope } from "../../shared/visibility/scope-text.ts";
import type { DirectReport } from "../direct/direct-report.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { isJsonObject } from "../kube/kube-object.ts";
import type { Verdict } from "./plan.ts";
import { isDirect } from "./resource.ts";
import type { Resource } from "./resource.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export interface Standing {
  /** `null`: nothing was decided, for the hub has not been heard. */
  readonly verdict: Verdict | null;
  /** As the hub holds it; `null`: it was not heard since this relay writes. */
  readonly hub: OwnState | null;
  /** Why the hub does not answer; `null`: it does. */
  readonly hubProblem: string | null;
  /** Of this relay's view of the RCC's remote. */
  readonly report: EdgeReport | null;
  /** Of an RCC that relays read themselves; `null`: this one does not. */
  readonly direct: DirectReport | null;
}

/** Without times: what the API server's object is compared with. */
export interface WantedStatus {
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
  readonly state: string;
  readonly remote?: string;
  readonly endpoints?: number;
  readonly overlay?: string;
  readonly scope?: string;
}

/** `null`: it stays as it is, for nothing newer is known. */
export function statusOf(resource: Resource, standing: Standing): WantedStatus | null {
  const accepted = acceptedOf(resource, standing);
  if (accepted === null) return null;
  const observedGeneration = resource.generation;
  return resource.kind === "rcc"
    ? { observedGeneration, ...rccStatus(resource, standing, accepted) }
    : { observedGeneration, ...grantStatus(resource, standing, accepted) };
}

function acceptedOf(resource: Resource, standing: Standing): Condition | null {
  const { verdict, hubProblem } = standing;
  const accepted = (status: Condition["status"], reason: string, message: string): Condition => ({
    type: "Accepted",
    status,
    reason,
    message,
  });
  if (verdict?.kind === "conflict") return accepted("False", "Conflict", verdict.message);
  if (verdict?.kind === "refused") return accepted("False", verdict.reason, verdict.message);
  if (verdict?.kind === "held" && resource.want.ok && isDirect(resource.want.want))
    return standing.direct === null
      ? accepted("Unknown", "Pending", "the relay that writes this does not read it yet")
      : accepted("True", "Accepted", "the relays of this cluster read its datastore themselves");
  if (verdict?.kind === "held") return accepted("True", "Accepted", "the hub has it");
  // What the hub had accepted it still has.
  if (wasAccepted(resource)) return null;
  if (hubProblem === null && verdict === null) return null;
  return hubProblem === null
    ? accepted("Unknown", "Pending", "it is on its way to the hub")
    : accepted("Unknown", "HubUnreachable", `${hubProblem}; tried again by itself`);
}

function wasAccepted({ object, generation }: Resource): boolean {
  const status = isJsonObject(object["status"]) ? object["status"] : {};
  const conditions = Array.isArray(status["conditions"]) ? status["conditions"] : [];
  return (
    status["observedGeneration"] === generation &&
    conditions.some(
      (one: unknown) => isJsonObject(one) && one["type"] === "Accepted" && one["status"] === "True",
    )
  );
}

function rccStatus(
  { name, want }: Resource,
  { hub, report, direct }: Standing,
  accepted: Condition,
): Omit<WantedStatus, "observedGeneration"> {
  const rcc = hub?.rccs.find(({ metadata }) => metadata.name === name);
  const wanted = want.ok && want.want.kind === "rcc" ? want.want : null;
  const remote = wanted?.remote ?? rcc?.status.remote?.name;
  const overlay = overlayOf(wanted?.isOverlayWanted === true, report);
  const base = { ...(remote == null ? {} : { remote }), overlay };
  if (accepted.status !== "True")
    return { ...base, conditions: [accepted], state: stateOf(accepted) };
  if (direct !== null) return { ...base, ...directStatus(direct, report, accepted) };
  const isGranted = rcc?.status.state === "granted";
  const granted = grantedOf(remote ?? name, rcc?.status);
  const word = CONNECTION_WORDS[report?.connectionStatus ?? 0] ?? "Unknown";
  const isInSync = isGranted && word === "InSync";
  const inSync = isInSync
    ? condition("InSync", "True", "InSync", "the view of the relay that writes this is equal")
    : condition("InSync", "False", isGranted ? word : "NotGranted", "");
  return {
    ...base,
    endpoints: isGranted ? (report?.endpoints ?? 0) : 0,
    conditions: [accepted, granted, inSync],
    state: isGranted ? word : granted.reason,
  };
}

/** Nobody has to grant it: who has its credentials sees it. */
function directStatus(
  { conditions }: DirectReport,
  report: EdgeReport | null,
  accepted: Condition,
): Pick<WantedStatus, "conditions" | "state" | "endpoints"> {
  const word = CONNECTION_WORDS[report?.connectionStatus ?? 0] ?? "Unknown";
  const inSync =
    word === "InSync"
      ? condition("InSync", "True", "InSync", "all of it was listed and is equal")
      : condition("InSync", "False", word, "");
  const own = conditions.map(({ type, status, reason, message }) =>
    condition(type, status, reason, message),
  );
  return {
    endpoints: report?.endpoints ?? 0,
    conditions: [accepted, ...own, inSync],
    state: word,
  };
}

function grantedOf(remote: string, status: OwnState["rccs"][number]["status"] | undefined) {
  if (status?.state === "granted")
    return condition("Granted", "True", "Granted", `${remote} lets this cluster see it`);
  return status?.vetoed === true
    ? condition("Granted", "False", "Vetoed", `the owner of ${remote} keeps it from this cluster`)
    : condition("Granted", "False", "NotGranted", `${remote} does not grant this cluster`);
}

function grantStatus(
  { want }: Resource,
  { hub }: Standing,
  accepted: Condition,
): Omit<WantedStatus, "observedGeneration"> {
  const wanted = want.ok && want.want.kind === "grant" ? want.want : null;
  const scope = wanted === null ? {} : { scope: describeScope(wanted.scope) };
  if (accepted.status !== "True")
    return { ...scope, conditions: [accepted], state: stateOf(accepted) };
  const grant = hub?.grants.find(({ reader }) => reader.name === wanted?.key);
  if (grant?.vetoed === true) {
    const message = `the export policy of this cluster keeps it from ${wanted?.key}`;
    const vetoed = condition("Used", "False", "Vetoed", message);
    return { ...scope, conditions: [accepted, vetoed], state: "Vetoed" };
  }
  const isUsed = grant?.used === true;
  const used = isUsed
    ? condition("Used", "True", "Used", `${wanted?.key} has an RCC that names this cluster`)
    : condition("Used", "False", "NoRcc", `${wanted?.key} has no RCC that names this cluster`);
  return { ...scope, conditions: [accepted, used], state: isUsed ? "Used" : "NotUsed" };
}

/** In one word, for the column. */
function stateOf({ status, reason }: Condition): string {
  return status === "Unknown" ? "Pending" : reason;
}

function overlayOf(isWanted: boolean, report: EdgeReport | null): string {
  if (!isWanted) return "Disabled";
  const routes = report?.overlay?.routes ?? 0;
  return routes > 0 ? "Routed" : "NoRoutes";
}

function condition(
  type: string,
  status: Condition["status"],
  reason: string,
  message: string,
): Condition {
  return { type, status, reason, message };
}

/**
 * The object with its new status; `null`: it has it already.
 * @param at RFC 3339, of conditions that have changed.
 */
export function withStatus(
  { object, generation }: Resource,
  wanted: WantedStatus,
  at: string,
): { readonly object: JsonObject; readonly isOnlyCount: boolean } | null {
  const before = isJsonObject(object["status"]) ? object["status"] : {};
  const known = Array.isArray(before["conditions"])
    ? before["conditions"].filter(isJsonObject)
    : [];
  const conditions = wanted.conditions.map((one) => {
    const last = known.find(({ type }) => type === one.type);
    const since = last?.["status"] === one.status ? last["lastTransitionTime"] : at;
    return { ...one, lastTransitionTime: since ?? at, observedGeneration: generation };
  });
  const status = { ...wanted, conditions };
  if (isSame(before, status)) return null;
  const { endpoints: _, ...rest } = status;
  const { endpoints: __, ...restBefore } = before;
  return { object: { ...object, status }, isOnlyCount: isSame(restBefore, rest) };
}

function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    isJsonObject(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : one,
  );
}
