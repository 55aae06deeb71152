/**
 * A folder of YAML as a cluster's source: each look at it is compared with the last one.
 * [SRC40..SRC45]
 */
import { isSystemError } from "../../lib/system-error.ts";
import { errorText } from "../../../shared/lib/error-text.ts";
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { RecordStore } from "../record-store.ts";
import type { ClusterPolicies, Source, SourceProblem, SourceSink } from "../source.ts";
import { afterLook, contentsOf, problemsOf } from "./known-files.ts";
import type { KnownFiles } from "./known-files.ts";
import { LookSchedule } from "./look-schedule.ts";
import type { LookTimes } from "./look-schedule.ts";
import { mergeFiles } from "./merge.ts";
import type { FollowedObject } from "./merge.ts";
import { scanFolder } from "./scan-folder.ts";
import { FolderWatch } from "./watch-folders.ts";

export interface ManifestsOptions extends Partial<LookTimes> {
  readonly folder: string;
}

type Progress =
  | { readonly state: "listing" | "following"; readonly reason: "" }
  | { readonly state: "failing" | "absent"; readonly reason: string };

export class ManifestsSource implements Source {
  readonly #folder: string;
  readonly #schedule: LookSchedule;
  readonly #watch: FolderWatch;
  #out: { readonly sink: SourceSink; readonly store: RecordStore } | null = null;
  #files: KnownFiles = new Map();
  #objects: ReadonlyMap<string, FollowedObject> = new Map();
  /** Problems of files, and between them. */
  #problems: ReadonlyMap<string, SourceProblem> = new Map();
  #isListed = false;
  #progress: Progress = { state: "listing", reason: "" };

  constructor({ folder, debounceMs = 80, pollMs = 2_000 }: ManifestsOptions) {
    this.#folder = folder;
    this.#schedule = new LookSchedule({ debounceMs, pollMs }, () => this.#look());
    this.#watch = new FolderWatch(() => this.#schedule.onFileEvent());
  }

  start(sink: SourceSink): void {
    this.#out = { sink, store: new RecordStore(sink) };
    this.#schedule.start();
  }

  async stop(): Promise<void> {
    this.#out = null;
    this.#watch.follow([]);
    await this.#schedule.stop();
    // Of the look that was under way.
    this.#watch.follow([]);
  }

  health(): ReturnType<Source["health"]> {
    const { size: objects } = this.#objects;
    return { collections: [{ name: this.#folder, objects, ...this.#progress }] };
  }

  async policies(): Promise<ClusterPolicies> {
    await this.#schedule.settled();
    const paths = [...this.#files.keys()].toSorted();
    return {
      items: paths.flatMap((path) => this.#files.get(path)?.content?.policies ?? []),
      unread: [],
    };
  }

  async #look(): Promise<{ readonly isToBeRepeated: boolean }> {
    const isMissed = await this.#lookOnce();
    const hasSuspects = [...this.#files.values()].some(({ isSuspect }) => isSuspect);
    return { isToBeRepeated: isMissed || hasSuspects };
  }

  /** @returns Whether something may have been missed in a folder that is watched only now. */
  async #lookOnce(): Promise<boolean> {
    try {
      const stamps = new Map([...this.#files].map(([path, file]) => [path, file.stamp]));
      const { files, folders } = await scanFolder(this.#folder, stamps);
      if (this.#out === null) return false;
      const isMissed = this.#watch.follow(folders);
      this.#files = afterLook(this.#files, files);
      this.#emit(this.#out);
      this.#progress = { state: "following", reason: "" };
      return isMissed;
    } catch (error) {
      // An unreadable folder is health, not a change: what was there stays. [SRC43]
      const isAbsent = isSystemError(error, "ENOENT");
      this.#progress = isAbsent
        ? { state: "absent", reason: `there is no folder ${this.#folder}` }
        : { state: "failing", reason: errorText(error) };
      this.#watch.follow([]);
      return false;
    }
  }

  #emit({ sink, store }: { readonly sink: SourceSink; readonly store: RecordStore }): void {
    const merged = mergeFiles(contentsOf(this.#files));
    const changes: EncodedChange[] = [];
    for (const id of this.#objects.keys())
      if (!merged.objects.has(id)) changes.push(...store.remove(id, "observed"));
    for (const [id, object] of merged.objects) {
      const before = this.#objects.get(id);
      if (before?.json === object.json && before.where === object.where) continue;
      changes.push(...store.upsert(object.collection, object.json, object.where).changes);
    }
    this.#objects = merged.objects;
    if (changes.length > 0) sink.apply(changes);
    const between = merged.problems.map((problem) => [problem.object, problem] as const);
    this.#replaceProblems(sink, new Map([...problemsOf(this.#files), ...between]));
    if (this.#isListed) return;
    this.#isListed = true;
    sink.listed();
    sink.servicesListed?.();
  }

  /** Tells what is new, changed or over. */
  #replaceProblems(sink: SourceSink, after: ReadonlyMap<string, SourceProblem>): void {
    const before = this.#problems;
    this.#problems = after;
    for (const object of before.keys()) if (!after.has(object)) sink.solved(object);
    for (const [object, problem] of after)
      if (before.get(object)?.message !== problem.message) sink.problem(problem);
  }
}
