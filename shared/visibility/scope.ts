/**
 * The part of an origin that a grant shows: a pure function of one record, so that an origin's log
 * has a projection for each scope, with a digest of its own, and a relay can narrow what it holds
 * by itself. What a scope does not name it does not narrow. [SCP1]
 */
import { z } from "zod";

import { toHex } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";
import { CHANNELS, FELIX_CHANNELS } from "../record/channel.ts";
import type { Channel } from "../record/channel.ts";
import type { CalicoRecord, Labels } from "../record/record.ts";
import { canonicalSelector, labelsIn, matches } from "../selector/ast.ts";
import type { Selector } from "../selector/ast.ts";
import { labelsOf } from "../selector/inherited-labels.ts";
import { parseSelector } from "../selector/parse.ts";
import { describeIssues } from "./field-problem.ts";
import type { FieldProblem } from "./field-problem.ts";

/**
 * Kinds that a scope names. Profiles go with endpoints, whose labels they are; the cluster's
 * settings with its nodes.
 */
export const SCOPE_KINDS = [
  "WorkloadEndpoint",
  "HostEndpoint",
  "IPPool",
  "Node",
  "IPAMBlock",
  "Service",
] as const;
export type ScopeKind = (typeof SCOPE_KINDS)[number];

/**
 * Channels that a grant lets its reader have: services only where its kinds name them, so that no
 * grant shows more than it did before there were any. [SVC1]
 */
export function channelsOf(scope: Scope | null | undefined): readonly Channel[] {
  return scope?.kinds?.includes("Service") === true ? CHANNELS : FELIX_CHANNELS;
}

/**
 * Canonical: lists are sorted and name nothing twice, the selector is in normal form, at least one
 * field is there.
 */
export interface Scope {
  readonly kinds?: readonly ScopeKind[] | undefined;
  /**
   * Of endpoints and their profiles only these namespaces; host endpoints have none. Nodes, pools
   * and blocks belong to no namespace, and stay.
   */
  readonly namespaces?: readonly string[] | undefined;
  /** Of endpoints only those whose own labels match; inherited ones are not asked. */
  readonly selector?: string | undefined;
  /** Of the labels of endpoints and profiles only these keys. */
  readonly labels?: readonly string[] | undefined;
}

const MOST = { namespaces: 256, labels: 256, selectorLength: 4096 } as const;
const listOf = <T extends z.ZodType>(item: T, most: number) => z.array(item).min(1).max(most);

export const scopeSchema = z.strictObject({
  kinds: listOf(z.enum(SCOPE_KINDS), SCOPE_KINDS.length).optional(),
  namespaces: listOf(
    z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a Kubernetes namespace name"),
    MOST.namespaces,
  ).optional(),
  selector: z.string().min(1).max(MOST.selectorLength).optional(),
  labels: listOf(
    z.string().regex(/^[A-Za-z0-9_./-]{1,512}$/, "must be a label key"),
    MOST.labels,
  ).optional(),
});

export type ScopeDocument = z.output<typeof scopeSchema>;

/** A scope as documents have it: without the fields that it has not. */
export function scopeDocument({ kinds, namespaces, selector, labels }: Scope): ScopeDocument {
  return {
    ...(kinds === undefined ? {} : { kinds: [...kinds] }),
    ...(namespaces === undefined ? {} : { namespaces: [...namespaces] }),
    ...(selector === undefined ? {} : { selector }),
    ...(labels === undefined ? {} : { labels: [...labels] }),
  };
}

export type ParsedScope =
  /** `null`: it narrows nothing. */
  | { readonly ok: true; readonly scope: Scope | null }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/**
 * Total: any JSON value gives a canonical scope, or the fields that are wrong with the rule of
 * each. [SCP2]
 */
export function parseScope(value: unknown): ParsedScope {
  const parsed = z.object({ scope: scopeSchema }).safeParse({ scope: value });
  if (!parsed.success) return { ok: false, problems: describeIssues(parsed.error.issues) };
  const { kinds, namespaces, selector, labels } = parsed.data.scope;
  const read = parseSelector(selector ?? "");
  if (!read.ok) return { ok: false, problems: [{ field: "scope.selector", rule: read.error }] };
  const canonical = canonicalSelector(read.selector);
  // It is sent and stored so, and must be readable wherever it comes.
  if (canonical.length > MOST.selectorLength)
    return { ok: false, problems: [{ field: "scope.selector", rule: tooLong(canonical.length) }] };
  const scope: Scope = {
    ...(kinds === undefined ? {} : { kinds: SCOPE_KINDS.filter((kind) => kinds.includes(kind)) }),
    ...(namespaces === undefined ? {} : { namespaces: sorted(namespaces) }),
    ...(read.selector.op === "all" ? {} : { selector: canonical }),
    ...(labels === undefined ? {} : { labels: sorted(labels) }),
  };
  return { ok: true, scope: Object.keys(scope).length === 0 ? null : scope };
}

function tooLong(length: number): string {
  return `must have at most ${MOST.selectorLength} characters in normal form (with spaces and parentheses), not ${length}`;
}

/** Equal scopes have equal ids, and share a projection: 16 hex digits. */
export function scopeId(scope: Scope): string {
  return toHex(sha256(new TextEncoder().encode(JSON.stringify(scope)))).slice(0, 16);
}

/** The part of a record that a reader sees; `null`: nothing. */
export type Projector = (record: CalicoRecord) => CalicoRecord | null;

/**
 * @param before What the records were shown through already: labels that it has taken away cannot
 *   be asked any more, and what asks for them does not match.
 */
export function projectorOf(scope: Scope, before: Scope | null = null): Projector {
  const selector = selectorOf(scope.selector);
  const isMatched = scope.selector === undefined || scope.selector === before?.selector;
  const isKnown = labelsIn(selector).every((label) => before?.labels?.includes(label) ?? true);
  const kinds = scope.kinds === undefined ? null : new Set<string>(scope.kinds);
  const namespaces = scope.namespaces === undefined ? null : new Set(scope.namespaces);
  const labels = scope.labels === undefined ? null : new Set(scope.labels);
  const shows = (kind: ScopeKind): boolean => kinds?.has(kind) ?? true;
  const isIn = (namespace: string | null): boolean =>
    namespaces === null || (namespace !== null && namespaces.has(namespace));
  return (record) => {
    switch (record.kind) {
      case "WorkloadEndpoint":
      case "HostEndpoint": {
        const namespace = record.kind === "WorkloadEndpoint" ? record.namespace : null;
        if (!shows(record.kind) || !isIn(namespace)) return null;
        const own = labelsOf(record, {}, () => undefined);
        if (!isMatched && !(isKnown && matches(selector, own))) return null;
        return labels === null ? record : { ...record, labels: only(record.labels, labels) };
      }
      case "Profile": {
        const isOfEndpoints = shows("WorkloadEndpoint") || shows("HostEndpoint");
        if (!isOfEndpoints || !isIn(namespaceOfProfile(record.name))) return null;
        return labels === null ? record : { ...record, labels: only(record.labels, labels) };
      }
      case "Service":
      case "ServiceExport":
        // fault: services-unnamed
        if (kinds?.has("Service") !== true || !isIn(record.namespace)) return null;
        return labels === null ? record : { ...record, labels: only(record.labels, labels) };
      case "ServiceEndpoint":
      case "ServiceChange":
        return kinds?.has("Service") === true && isIn(record.namespace) ? record : null;
      case "ClusterConfig":
        return shows("Node") ? record : null;
      case "IPPool":
      case "Node":
      case "IPAMBlock":
        return shows(record.kind) ? record : null;
    }
  };
}

/** One that cannot be read, for a later version wrote it, shows no endpoint. */
function selectorOf(text = ""): Selector {
  const parsed = parseSelector(text);
  return parsed.ok ? parsed.selector : { op: "not", operand: { op: "all" } };
}

/** `kns.<namespace>` and `ksa.<namespace>.<service account>`; of other profiles `null`. */
export function namespaceOfProfile(profile: string): string | null {
  return /^(?:kns\.([^.]+)|ksa\.([^.]+)\..+)$/.exec(profile)?.slice(1).find(Boolean) ?? null;
}

function only(labels: Labels, keys: ReadonlySet<string>): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => keys.has(key)));
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].toSorted();
}

/** Scopes are canonical. @param one Absent: all is shown. */
export function isSameScope(one: Scope | undefined, other: Scope | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
