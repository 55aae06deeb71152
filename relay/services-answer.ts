/**
 * What a relay answers of its cluster's Services beside the Services that are filled: remotes of
 * which none come, and what of its own no other cluster gets. Pure. [SVC41]
 */
import { admissionFacts, judge } from "../shared/admission/judge.ts";
import type { Cause, ServicesAnswer } from "../shared/api/services.ts";
import type { CalicoRecord } from "../shared/record/record.ts";
import type { AccessFacts, Remote } from "../shared/visibility/facts.ts";
import { channelsOf } from "../shared/visibility/scope.ts";
import type { SourceProblem } from "./source/source.ts";

/** What is known of a remote beside its facts. */
export interface RemoteReading {
  readonly remote: Remote;
  /** All its Services came once. */
  readonly isComplete: boolean;
  readonly isLost: boolean;
}

/** Why none, or not all, of a remote's Services come; `null`: they do. */
export function remoteCause({ remote, isComplete, isLost }: RemoteReading): Cause | null {
  const { rcc, origin, state, reason, scope, heldBack } = remote;
  if (reason === "vetoed")
    return {
      reason: "Vetoed",
      message: `${origin.name} lets this cluster see nothing: its own export policy, not a grant, decides that`,
    };
  if (state === "not-granted")
    return {
      reason: "NotGranted",
      message: `${origin.name} has not granted this cluster anything: \`catwalk grant create --cluster ${origin.name} --to THIS --kind WorkloadEndpoint,Service\``,
    };
  if (!channelsOf(scope).includes("services"))
    return {
      reason: "NoServices",
      message: `the grant of ${origin.name} does not name the kind Service: \`catwalk grant apply --cluster ${origin.name} --to THIS --kind …,Service\``,
    };
  if (!isComplete)
    return {
      reason: isLost ? "NotHeard" : "NotTold",
      message: isLost
        ? `${rcc} is not heard, and has not told all its Services since this relay began: what is written of it stays`
        : `${rcc} has not told all its Services yet; where that stays so, its relay may not read them, or it or the hub is of an older version: \`catwalk services\` of ${origin.name} says more`,
    };
  if (isLost)
    return { reason: "NotHeard", message: `${rcc} is not heard now: what it told before stays` };
  if (heldBack === true)
    return {
      reason: "HeldBack",
      message: `what a restored hub would show of ${rcc} is held back until its operator confirms it`,
    };
  return null;
}

/** Objects of which a source says that they give no record, by the beginning of their names. */
const OF_SERVICES = /^(Service|EndpointSlice|ServiceExport) /;

export interface OwnReading {
  /** `null`: the hub has not said which addresses are the cluster's own. */
  readonly facts: Pick<AccessFacts, "ranges" | "refusedClaims"> | null;
  /** A grant names Services. */
  readonly isAsked: boolean;
  readonly records: Iterable<CalicoRecord>;
  readonly problems: readonly SourceProblem[];
  /** Whether the owner's export policy lets a record leave. */
  readonly leaves: (record: CalicoRecord) => boolean;
}

/** Of this cluster's Services and endpoints, those that no other cluster gets, and why. */
export function unpublished(own: OwnReading): ServicesAnswer["unpublished"] {
  const found: ServicesAnswer["unpublished"] = own.problems
    .filter(({ object }) => OF_SERVICES.test(object))
    .map(({ object, message }) => ({ object, reason: "BadObject", message }));
  if (!own.isAsked || own.facts === null) return found;
  const { ranges, refusedClaims } = own.facts;
  const admission = admissionFacts(ranges, refusedClaims);
  for (const record of own.records) {
    if (record.kind !== "Service" && record.kind !== "ServiceEndpoint") continue;
    const object = nameOf(record);
    const verdict = judge(record, admission);
    if (!own.leaves(record))
      found.push({ object, reason: "ExportPolicy", message: "the export policy keeps it here" });
    else if (!verdict.admitted)
      found.push({
        object,
        reason: "Quarantined",
        message: `the hub refuses it: ${verdict.message}`,
      });
  }
  return found;
}

function nameOf(record: Extract<CalicoRecord, { kind: "Service" | "ServiceEndpoint" }>): string {
  const { namespace } = record;
  return record.kind === "Service"
    ? `Service ${namespace}/${record.name}`
    : `endpoint ${record.ip} of ${namespace}/${record.service}`;
}
