/**
 * Problems of the cluster's own objects: those that their source tells, and those that their
 * labels claim.
 */
import { isReservedLabel } from "../../shared/record/label-domain.ts";
import { keyOf } from "../../shared/record/key.ts";
import { nameOfKey } from "../../shared/record/key-name.ts";
import type { CalicoRecord, Labels, RecordChange } from "../../shared/record/record.ts";
import type { Logger } from "../lib/log.ts";
import type { SourceProblem } from "./source.ts";

export class SourceProblems {
  readonly #log: Logger;
  /** By object. */
  readonly #problems = new Map<string, SourceProblem>();
  /** Objects with labels that only a relay may write, by the key of their record. */
  readonly #reserved = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get all(): readonly SourceProblem[] {
    return [...this.#problems.values()];
  }

  report(problem: SourceProblem): void {
    const before = this.#problems.get(problem.object);
    this.#problems.set(problem.object, problem);
    // A pod that changes every second with the same fault is one line in the log.
    if (before?.message === problem.message) return;
    this.#log.warn(problem, "a source object has a problem");
  }

  solved(object: string): void {
    this.#problems.delete(object);
  }

  /**
   * Local rules take an object with such a label for a remote's; nobody can say so but its owner's
   * cluster. [SRC90]
   */
  checkLabels(changes: readonly RecordChange[]): void {
    for (const change of changes) {
      const reserved = change.op === "put" ? reservedOf(change.record) : [];
      if (reserved.length === 0 && this.#reserved.size === 0) continue;
      const key = change.op === "put" ? keyOf(change.record) : change.key;
      if (change.op !== "put" || reserved.length === 0) {
        this.solved(this.#reserved.get(key) ?? "");
        this.#reserved.delete(key);
        continue;
      }
      const object = `labels of ${objectOf(change.record, key)}`;
      this.#reserved.set(key, object);
      const message = `${reserved.join(", ")}: labels of catwalk.dev say which remote an object is of; rules here that ask for them match this one too. Take them away`;
      this.report({ object, message });
    }
  }
}

function reservedOf(record: CalicoRecord): readonly string[] {
  return "labels" in record ? reservedKeys(record.labels) : [];
}

function reservedKeys(labels: Labels): readonly string[] {
  const found: string[] = [];
  for (const key in labels) if (isReservedLabel(key)) found.push(key);
  return found;
}

/** As Kubernetes calls it: labels of a profile are those of a namespace or of a service account. */
function objectOf(record: CalicoRecord, key: string): string {
  const name = nameOfKey(key);
  if (record.kind === "WorkloadEndpoint") return `Pod ${name}`;
  if (record.kind !== "Profile") return `${record.kind} ${name}`;
  const [, namespace, account] = /^ksa\.([^.]+)\.(.+)$/.exec(record.name) ?? [];
  if (namespace !== undefined) return `ServiceAccount ${namespace}/${account}`;
  return record.name.startsWith("kns.") ? `Namespace ${record.name.slice(4)}` : `Profile ${name}`;
}
