/**
 * The scopes that a run's grants may have, and what each shows, told again in other words than the
 * product's.
 */
import type { CalicoRecord } from "../../shared/record/record.ts";
import { channelOf } from "../../shared/record/channel.ts";
import { parseScope, scopeId } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";

export interface SimScope {
  readonly name: string;
  readonly scope: Scope;
  /** As the product calls it. */
  readonly id: string;
  /** What of a record is shown; `null`: nothing. */
  shown(record: CalicoRecord): CalicoRecord | null;
}

const hasThree = (record: CalicoRecord): boolean =>
  !("labels" in record) || record.labels["v"]?.includes("3") === true;

function onlyV(record: CalicoRecord): CalicoRecord {
  if (!("labels" in record)) return record;
  const { v } = record.labels;
  return { ...record, labels: v === undefined ? {} : { v } };
}

function make(name: string, value: unknown, shown: SimScope["shown"]): SimScope {
  const parsed = parseScope(value);
  if (!parsed.ok || parsed.scope === null) throw new Error(`scope ${name} is none`);
  const { scope } = parsed;
  const hasServices = scope.kinds?.includes("Service") === true;
  // The only profiles of runs are namespaces without labels.
  const hasEndpoints = scope.kinds?.includes("WorkloadEndpoint") ?? true;
  return {
    name,
    scope,
    id: scopeId(scope),
    shown: (it) => {
      if (it.kind === "Profile") return hasEndpoints ? it : null;
      return isOfServices(it) && !hasServices ? null : shown(it);
    },
  };
}

/** Of Services: shown only where a grant names them. */
export function isOfServices({ kind }: CalicoRecord): boolean {
  return channelOf(kind) === "services";
}

export const SCOPES: readonly SimScope[] = [
  make("some pods", { selector: "v contains '3'" }, (it) => (hasThree(it) ? it : null)),
  make("one label", { labels: ["v"] }, onlyV),
  make(
    "endpoints only",
    { kinds: ["WorkloadEndpoint"], selector: "v contains '3'", labels: ["v"] },
    (it) => (it.kind === "WorkloadEndpoint" && hasThree(it) ? onlyV(it) : null),
  ),
  make("no endpoints", { kinds: ["IPPool", "Node"] }, (it) =>
    it.kind === "IPPool" || it.kind === "Node" ? it : null,
  ),
];

/** Those that show Services: drawn only by seeds of their own. */
export const SERVICE_SCOPES: readonly SimScope[] = [
  make("endpoints and Services", { kinds: ["WorkloadEndpoint", "Service"] }, (it) =>
    isOfServices(it) || it.kind === "WorkloadEndpoint" ? it : null,
  ),
  make("Services with one label", { kinds: ["Service", "IPPool"], labels: ["app"] }, (it) => {
    if (it.kind === "IPPool") return it;
    if (!isOfServices(it)) return null;
    if (!("labels" in it)) return it;
    const { app } = it.labels;
    return { ...it, labels: app === undefined ? {} : { app } };
  }),
  make(
    "some pods and Services",
    { kinds: ["WorkloadEndpoint", "Service"], selector: "v contains '3'" },
    (it) => {
      if (isOfServices(it)) return it;
      return it.kind === "WorkloadEndpoint" && hasThree(it) ? it : null;
    },
  ),
];

/** Every scope that a run may have. */
export const ALL_SCOPES: readonly SimScope[] = [...SCOPES, ...SERVICE_SCOPES];

const BY_ID = new Map(ALL_SCOPES.map((scope) => [scope.id, scope]));

/** @throws Error for one that is not of these. */
export function scopeOf(id: string): SimScope {
  const found = BY_ID.get(id);
  if (found === undefined) throw new Error(`BUG: a run has no scope ${id}`);
  return found;
}

/** Whether a record may be what a scope shows of one. */
export function fits(record: CalicoRecord, id: string): boolean {
  const shown = scopeOf(id).shown(record);
  return shown !== null && JSON.stringify(shown) === JSON.stringify(record);
}
