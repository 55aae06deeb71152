/**
 * The scopes that a run's grants may have, and what each shows, told again in other words than the
 * product's.
 */
import type { CalicoRecord } from "../../shared/record/record.ts";
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
  return { name, scope: parsed.scope, id: scopeId(parsed.scope), shown };
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

const BY_ID = new Map(SCOPES.map((scope) => [scope.id, scope]));

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
