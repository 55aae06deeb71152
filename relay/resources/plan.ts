/**
 * What is to be written at the hub, and how each custom resource stands there: a pure function of
 * the cluster's resources, their CRDs, and what the hub holds. [CRD5] [CRD6] [CRD7]
 */
import type { OwnState, OwnWrite } from "../../shared/api/own.ts";
import { scopeDocument } from "../../shared/visibility/scope.ts";
import { KINDS } from "./resource.ts";
import type { Kind, Resource, Want } from "./resource.ts";

/** A CRD of ours. */
export type Definition =
  | { readonly kind: "served"; readonly uid: string }
  /** It is being deleted, and its objects with it. */
  | { readonly kind: "leaving" }
  | { readonly kind: "absent" }
  /** It could not be read. */
  | { readonly kind: "unknown" };

export interface Seen {
  readonly definition: Definition;
  /** `null`: they are not listed. */
  readonly resources: readonly Resource[] | null;
}

/** What the hub said to a write; kept until the write is another. */
export interface Refused {
  /** The write, as JSON. */
  readonly write: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

export type Verdict =
  /** The hub holds it as it is wanted. */
  | { readonly kind: "held" }
  /** It is to be written. */
  | { readonly kind: "pending" }
  /** Another is in the way. */
  | { readonly kind: "conflict"; readonly message: string }
  /** It breaks a rule, here or at the hub. */
  | { readonly kind: "refused"; readonly reason: string; readonly message: string };

export interface Plan {
  readonly writes: readonly OwnWrite[];
  /** By `resourceId`. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** Objects of the cluster at the hub that no CRD of now has made: they stay. */
  readonly left: readonly string[];
}

export interface PlanInput {
  readonly seen: Readonly<Record<Kind, Seen>>;
  readonly hub: OwnState;
  /** By `writeId`. */
  readonly refused: ReadonlyMap<string, Refused>;
}

export function resourceId({ kind, name }: Pick<Resource, "kind" | "name">): string {
  return `${kind}/${name}`;
}

/** Of what is written: `rcc/db`, `grant/app`. */
export function writeId(write: OwnWrite): string {
  switch (write.op) {
    case "apply-rcc":
      return `rcc/${write.document.metadata.name}`;
    case "delete-rcc":
      return `rcc/${write.name}`;
    case "apply-grant":
    case "delete-grant":
      return `grant/${write.reader}`;
  }
}

interface Held {
  /** The same for equal contents. */
  readonly content: string;
  readonly under: string | null;
  readonly isOurs: boolean;
}

export function planWrites({ seen, hub, refused }: PlanInput): Plan {
  const verdicts = new Map<string, Verdict>();
  const deletions: OwnWrite[] = [];
  const applications: OwnWrite[] = [];
  const left: string[] = [];
  for (const kind of KINDS) {
    const held = heldOf(kind, hub);
    const { definition, resources } = seen[kind];
    if (definition.kind !== "served" || resources === null) {
      if (definition.kind === "absent" || definition.kind === "leaving")
        left.push(...[...held].flatMap(([key, { isOurs }]) => (isOurs ? [`${kind}/${key}`] : [])));
      continue;
    }
    const { uid } = definition;
    const wanted = wantedOf(resources, verdicts);
    for (const [key, resource] of wanted) {
      const { want } = resource.want as Extract<Resource["want"], { ok: true }>;
      const there = held.get(key);
      const write = applyOf(want, uid);
      const verdict = verdictOf(there, want, write, refused.get(`${kind}/${key}`));
      verdicts.set(resourceId(resource), verdict);
      if (verdict.kind === "pending") applications.push(write);
    }
    const kept = keptKeys(resources);
    for (const [key, { isOurs, under }] of held) {
      if (!isOurs || wanted.has(key) || kept.has(key)) continue;
      if (under === uid) deletions.push(deleteOf(kind, key, uid));
      else left.push(`${kind}/${key}`);
    }
  }
  // Deletions first: a remote that is to be reached under another name must be free of the first.
  return { writes: [...deletions, ...applications], verdicts, left };
}

/** In one line those that do not count at the hub, with the first one's reason; `null`: none. */
export function notTaken(verdicts: Plan["verdicts"]): string | null {
  const refused = [...verdicts].flatMap(([id, verdict]) =>
    verdict.kind === "refused" || verdict.kind === "conflict"
      ? [{ id, message: verdict.message }]
      : [],
  );
  const [first] = refused;
  if (first === undefined) return null;
  return `${refused.length} do not count, as ${first.id}: ${first.message}`;
}

/** By key; of several that want the same the oldest counts. */
function wantedOf(
  resources: readonly Resource[],
  verdicts: Map<string, Verdict>,
): ReadonlyMap<string, Resource> {
  const wanted = new Map<string, Resource>();
  for (const resource of resources.toSorted(byAge)) {
    if (resource.isBeingDeleted) continue;
    if (!resource.want.ok) {
      const message = resource.want.problems.map(({ field, rule }) => `${field}: ${rule}`);
      const verdict = { kind: "refused", reason: "Invalid", message: message.join("; ") } as const;
      verdicts.set(resourceId(resource), verdict);
      continue;
    }
    const { key } = resource.want.want;
    const first = wanted.get(key);
    if (first === undefined) wanted.set(key, resource);
    else
      verdicts.set(resourceId(resource), {
        kind: "conflict",
        message: `RemoteClusterGrant ${first.name} is about ${key} already: delete one of the two`,
      });
  }
  return wanted;
}

function byAge(a: Resource, b: Resource): number {
  const [one, other] = [`${a.createdAt} ${a.name}`, `${b.createdAt} ${b.name}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

/**
 * Keys of resources that cannot be read as they are now: what the hub holds of them stays. Of a
 * grant whose cluster cannot be read no key is known; then its name is the best guess.
 */
function keptKeys(resources: readonly Resource[]): ReadonlySet<string> {
  return new Set(
    resources.flatMap((resource) => {
      if (resource.want.ok || resource.isBeingDeleted) return [];
      const { spec } = resource.object;
      const cluster =
        typeof spec === "object" && spec !== null ? Reflect.get(spec, "cluster") : null;
      return [typeof cluster === "string" && cluster !== "" ? cluster : resource.name];
    }),
  );
}

function verdictOf(
  there: Held | undefined,
  want: Want,
  write: OwnWrite,
  refused: Refused | undefined,
): Verdict {
  if (there?.isOurs === false)
    return {
      kind: "conflict",
      message: `the hub has ${nameOf(want)} from its API: delete it there, or hand it over with --managed-by cluster`,
    };
  if (there !== undefined && there.content === contentOf(want) && there.under === write.under)
    return { kind: "held" };
  if (refused === undefined || refused.write !== JSON.stringify(write)) return { kind: "pending" };
  const { status, code, detail } = refused;
  return status === 409
    ? { kind: "conflict", message: detail }
    : { kind: "refused", reason: reasonOf(code), message: detail };
}

function nameOf({ kind, key }: Want): string {
  return kind === "rcc" ? `RCC ${key}` : `a grant to ${key}`;
}

/** `unknown-remote` → `UnknownRemote`. */
function reasonOf(code: string): string {
  const words = code.split("-").filter(Boolean);
  return words.map((word) => (word[0] ?? "").toUpperCase() + word.slice(1)).join("") || "Refused";
}

function applyOf(want: Want, under: string): OwnWrite {
  if (want.kind === "grant")
    return {
      op: "apply-grant",
      under,
      reader: want.key,
      ...(want.scope === null ? {} : { scope: scopeDocument(want.scope) }),
    };
  const metadata = { name: want.key, annotations: { ...want.annotations } };
  return {
    op: "apply-rcc",
    under,
    document: {
      apiVersion: "projectcalico.org/v3",
      kind: "RemoteClusterConfiguration",
      metadata,
      spec: want.spec,
    },
  };
}

function deleteOf(kind: Kind, key: string, under: string): OwnWrite {
  return kind === "rcc"
    ? { op: "delete-rcc", under, name: key }
    : { op: "delete-grant", under, reader: key };
}

function contentOf(want: Want): string {
  return want.kind === "rcc"
    ? sorted([want.annotations, want.spec])
    : sorted(want.scope === null ? null : scopeDocument(want.scope));
}

function heldOf(kind: Kind, hub: OwnState): ReadonlyMap<string, Held> {
  if (kind === "rcc")
    return new Map(
      hub.rccs.map(({ metadata, spec, status, under }) => [
        metadata.name,
        {
          content: sorted([metadata.annotations, spec]),
          under,
          isOurs: status.managedBy === "cluster",
        },
      ]),
    );
  return new Map(
    hub.grants.map(({ reader, scope, managedBy, under }) => [
      reader.name,
      { content: sorted(scope ?? null), under, isOurs: managedBy === "cluster" },
    ]),
  );
}

/** JSON with the fields of objects in one order. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
