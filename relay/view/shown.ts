/**
 * The scopes that a view's records were filtered by, and how a new scope is applied to them: the
 * records themselves are all that is known here, and labels that a scope has taken away cannot be
 * asked any more. [SCP4]
 */
import { channelOf } from "../../shared/record/channel.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { labelsIn } from "../../shared/selector/ast.ts";
import { parseSelector } from "../../shared/selector/parse.ts";
import { channelsOf, projectorOf } from "../../shared/visibility/scope.ts";
import type { Projector, Scope } from "../../shared/visibility/scope.ts";

/** The scopes that a view's records were filtered by before, as its header says. */
export interface Shown {
  /** Absent: all of the origin is shown. */
  readonly scope?: Scope;
  /**
   * Label keys that scopes before have left to some of the records. Absent: what the scope shows is
   * there.
   */
  readonly kept?: readonly string[];
}

export interface Narrowing {
  /** `null`: nothing is taken away. */
  readonly project: Projector | null;
  /** Of the next header. */
  readonly kept?: readonly string[];
}

/**
 * @param isProven What is held is what the log of the scope had: no scope before has left anything.
 */
export function narrowing(from: Shown, to: Scope | undefined, isProven: boolean): Narrowing {
  const known = both(from.scope?.labels, isProven ? undefined : from.kept);
  const kept = both(known, to?.labels);
  const isLess = kept !== undefined && kept.length < (to?.labels?.length ?? Infinity);
  const project =
    to === undefined ? channelsLeft(from.scope) : projectorBetween(from.scope, to, known);
  return isLess ? { project, kept } : { project };
}

/** Without a scope all is shown but what only a scope opens. [SVC1] [SVC24] */
function channelsLeft(from: Scope | undefined): Projector | null {
  const left = channelsOf(undefined);
  if (channelsOf(from).every((channel) => left.includes(channel))) return null;
  return (record) => (left.includes(channelOf(record.kind)) ? record : null);
}

/**
 * A record that has other labels than those left by the scopes before has not come through them:
 * the hub was ahead of this relay's facts. So it is asked itself, as all are where the scope asks
 * for nothing that was taken away.
 */
function projectorBetween(
  from: Scope | undefined,
  to: Scope,
  known: readonly string[] | undefined,
): Projector {
  const asking = projectorOf(to);
  if (known === undefined || asksIn(to).every((label) => known.includes(label))) return asking;
  const trusting = projectorOf(to, { ...from, labels: known });
  const left = new Set(known);
  const hasOnlyLeft = (record: CalicoRecord): boolean =>
    !("labels" in record) || Object.keys(record.labels).every((key) => left.has(key));
  return (record) => (hasOnlyLeft(record) ? trusting : asking)(record);
}

function asksIn({ selector = "" }: Scope): readonly string[] {
  const parsed = parseSelector(selector);
  return parsed.ok ? labelsIn(parsed.selector) : [];
}

/** Absent: all. */
function both(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  return one === undefined ? other : one.filter((key) => other?.includes(key) ?? true);
}
