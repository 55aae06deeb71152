/**
 * A cluster owner's veto over what leaves the cluster: a document, and what it leaves of a record.
 * It narrows whatever grants allow, and the hub cannot change it. Pure. [EXP1] [EXP2]
 */
import { z } from "zod";

import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import type { CalicoRecord, Labels } from "../../shared/record/record.ts";
import type { ExportReport } from "../../shared/visibility/export-report.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { namespaceOfProfile } from "../../shared/visibility/scope.ts";

/** Pools, nodes and blocks are what ranges and routes rest on, and stay. */
export const EXPORT_KINDS = ["WorkloadEndpoint", "HostEndpoint", "Service"] as const;

const MOST = 256;
const listOf = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(MOST).optional();
const namespace = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a Kubernetes namespace name");
const label = z
  .string()
  .regex(/^[A-Za-z0-9_./-]{1,512}\*?$/, "must be a label key, or its beginning and *");
const kind = z.enum(EXPORT_KINDS);
const cluster = z.string().regex(NAME_PATTERN, NAME_RULE);
const chosen = <T extends z.ZodType>(item: T) =>
  z.strictObject({ include: listOf(item), exclude: listOf(item) }).optional();

const policySchema = z.strictObject({
  apiVersion: z.literal("catwalk.dev/v1"),
  kind: z.literal("ExportPolicy"),
  namespaces: chosen(namespace),
  labels: z.strictObject({ keep: listOf(label), drop: listOf(label) }).optional(),
  kinds: chosen(kind),
  consumers: chosen(cluster),
});

export type ExportPolicy = z.output<typeof policySchema>;

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: ExportPolicy }
  /** `field: rule`, of the first that is wrong. */
  | { readonly ok: false; readonly problem: string };

/** Total: any value gives a policy, or what is wrong with it. */
export function parseExportPolicy(value: unknown): ParsedPolicy {
  const parsed = policySchema.safeParse(value);
  if (parsed.success) return { ok: true, policy: parsed.data };
  const [issue] = describeIssues(parsed.error.issues);
  return { ok: false, problem: `${issue?.field}: ${issue?.rule}` };
}

interface Chosen {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

function chooser({ include, exclude }: Chosen = {}): (name: string) => boolean {
  const [only, never] = [include && new Set(include), new Set(exclude)];
  return (name) => (only?.has(name) ?? true) && !never.has(name);
}

/** `null`: nothing of the record leaves. */
export type Exporter = (record: CalicoRecord) => CalicoRecord | null;

export function exporterOf(policy: ExportPolicy): Exporter {
  const isKind = chooser(policy.kinds);
  const isNamed = chooser(policy.namespaces);
  // What has no namespace is in none of those that are named.
  const isIn = (namespace: string | null): boolean =>
    namespace === null ? policy.namespaces?.include === undefined : isNamed(namespace);
  const shown = labelsBy(policy.labels);
  return (record) => {
    switch (record.kind) {
      case "WorkloadEndpoint":
        if (!isKind(record.kind) || !isIn(record.namespace)) return null;
        return { ...record, labels: shown(record.labels) };
      case "HostEndpoint":
        if (!isKind(record.kind) || !isIn(null)) return null;
        return { ...record, labels: shown(record.labels) };
      case "Profile": {
        const isOfEndpoints = isKind("WorkloadEndpoint") || isKind("HostEndpoint");
        if (!isOfEndpoints || !isIn(namespaceOfProfile(record.name))) return null;
        return { ...record, labels: shown(record.labels) };
      }
      case "Service":
        if (!isKind("Service") || !isIn(record.namespace)) return null;
        return { ...record, labels: shown(record.labels) };
      case "ServiceExport":
        if (!isKind("Service") || !isIn(record.namespace)) return null;
        return { ...record, labels: shown(record.labels) };
      case "ServiceEndpoint":
      case "ServiceChange":
        return isKind("Service") && isIn(record.namespace) ? record : null;
      case "ClusterConfig":
      case "IPPool":
      case "Node":
      case "IPAMBlock":
        return record;
    }
  };
}

function labelsBy({ keep, drop }: NonNullable<ExportPolicy["labels"]> = {}): (
  labels: Labels,
) => Labels {
  if (keep === undefined && drop === undefined) return (labels) => labels;
  const [kept, dropped] = [keep?.map(matcherOf), (drop ?? []).map(matcherOf)];
  const stays = (key: string): boolean =>
    (kept?.some((matches) => matches(key)) ?? true) && !dropped.some((matches) => matches(key));
  return (labels) => Object.fromEntries(Object.entries(labels).filter(([key]) => stays(key)));
}

function matcherOf(pattern: string): (key: string) => boolean {
  if (!pattern.endsWith("*")) return (key) => key === pattern;
  const beginning = pattern.slice(0, -1);
  return (key) => key.startsWith(beginning);
}

/** What the hub is told, and keeps: it shows the summary, and grants none of the vetoed. */
export function exportReportOf(policy: ExportPolicy): ExportReport {
  const { namespaces, labels, kinds, consumers } = policy;
  const parts = [
    ...wordsOf("namespaces", namespaces?.include, namespaces?.exclude),
    ...wordsOf("labels", labels?.keep, labels?.drop),
    ...wordsOf("kinds", kinds?.include, kinds?.exclude),
    ...wordsOf("consumers", consumers?.include, consumers?.exclude),
  ];
  return {
    summary: parts.length === 0 ? "nothing is kept back" : parts.join("; ").slice(0, 1_000),
    ...(consumers?.include === undefined ? {} : { include: [...consumers.include].toSorted() }),
    ...(consumers?.exclude === undefined ? {} : { exclude: [...consumers.exclude].toSorted() }),
  };
}

function* wordsOf(
  what: string,
  only: readonly string[] | undefined,
  never: readonly string[] | undefined,
): Generator<string> {
  if (only !== undefined) yield `only ${what} ${shortList(only)}`;
  if (never !== undefined) yield `no ${what} ${shortList(never)}`;
}

function shortList(names: readonly string[]): string {
  const few = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${few} and ${names.length - 5} more` : few;
}
