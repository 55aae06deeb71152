/**
 * A folder of YAML as a cluster's source. It looks at the folder when the file system says that something changed, and every few
 * seconds in any case, because file events get lost (network file systems, full watch tables). Each look is compared with the last one.
 *
 * What is not trusted: a file that was there and is missing or empty at one look. Editors save by moving files and by truncating
 * them; only a second look, after the debounce time, makes a deletion of it. [SRC40..SRC45]
 */
import { errorText } from "../../../shared/lib/error-text.ts";
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { RecordStore } from "../record-store.ts";
import type { ClusterPolicies, Source, SourceProblem, SourceSink } from "../source.ts";
import { classify, mergeFiles } from "./merge.ts";
import type { FileContent, FollowedObject } from "./merge.ts";
import { readDocuments } from "./read-documents.ts";
import { scanFolder } from "./scan-folder.ts";
import type { SeenFile, Stamp } from "./scan-folder.ts";
import { FolderWatch } from "./watch-folders.ts";

export interface ManifestsOptions {
  readonly folder: string;
  /** Quiet time after a file event before the folder is looked at. */
  readonly debounceMs?: number;
  /** Looks without an event. */
  readonly pollMs?: number;
}

interface KnownFile {
  readonly stamp: Stamp;
  /** Last good content; `null` when it never was. */
  readonly content: FileContent | null;
}

/** Longest time that file events in a row put a look off. */
const MAX_PUT_OFF_MS = 400;

const NOTHING: FileContent = { followed: [], policies: [] };

export class ManifestsSource implements Source {
  readonly #folder: string;
  readonly #debounceMs: number;
  readonly #pollMs: number;
  #sink: SourceSink | null = null;
  #store: RecordStore | null = null;
  #files = new Map<string, KnownFile>();
  #objects: ReadonlyMap<string, FollowedObject> = new Map();
  #fileProblems = new Map<string, SourceProblem>();
  #mergeProblems = new Map<string, SourceProblem>();
  /** Files that were missing or empty at the last look and had objects before it. */
  #suspects = new Set<string>();
  readonly #watch = new FolderWatch(() => this.#onFileEvent());
  /** Something changed since the last look began. */
  #isEventPending = false;
  #timer: NodeJS.Timeout | undefined;
  #firstEventMs: number | null = null;
  #look: Promise<void> = Promise.resolve();
  #isLooking = false;
  #isListed = false;
  #failure: { readonly state: "failing" | "absent"; readonly reason: string } | null = null;

  constructor(options: ManifestsOptions) {
    this.#folder = options.folder;
    this.#debounceMs = options.debounceMs ?? 80;
    this.#pollMs = options.pollMs ?? 2000;
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    this.#store = new RecordStore(sink);
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#sink = null;
    clearTimeout(this.#timer);
    this.#watch.follow([]);
    await this.#look;
    this.#watch.follow([]);
  }

  health(): ReturnType<Source["health"]> {
    const known = { name: this.#folder, objects: this.#objects.size };
    if (this.#failure !== null) return { collections: [{ ...known, ...this.#failure }] };
    const state = this.#isListed ? "following" : "listing";
    return { collections: [{ ...known, state, reason: "" }] };
  }

  async policies(): Promise<ClusterPolicies> {
    await this.#look;
    const paths = [...this.#files.keys()].toSorted();
    return {
      items: paths.flatMap((path) => this.#files.get(path)?.content?.policies ?? []),
      unread: [],
    };
  }

  #onFileEvent(): void {
    this.#isEventPending = true;
    const nowMs = performance.now();
    this.#firstEventMs ??= nowMs;
    // Each event puts the look off, so that a file is not read while it is being written, but not for ever.
    this.#schedule(Math.min(this.#debounceMs, this.#firstEventMs + MAX_PUT_OFF_MS - nowMs));
  }

  /** Plans the next look, instead of one that was planned before. While one runs, its end plans the next. */
  #schedule(delayMs: number): void {
    if (this.#sink === null || this.#isLooking) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#isLooking = true;
        this.#firstEventMs = null;
        this.#isEventPending = false;
        this.#look = this.#lookOnce().finally(() => {
          this.#isLooking = false;
          const isSoon = this.#suspects.size > 0 || this.#isEventPending;
          this.#schedule(isSoon ? this.#debounceMs : this.#pollMs);
        });
      },
      Math.max(0, delayMs),
    );
  }

  async #lookOnce(): Promise<void> {
    try {
      const stamps = new Map([...this.#files].map(([path, file]) => [path, file.stamp]));
      const { files, folders } = await scanFolder(this.#folder, stamps);
      if (this.#sink === null) return;
      this.#failure = null;
      if (this.#watch.follow(folders)) this.#isEventPending = true;
      this.#take(files, this.#sink);
    } catch (error) {
      // An unreadable folder is health, not a change: what was there stays. [SRC43]
      const reason = errorText(error);
      const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
      this.#failure = isAbsent
        ? { state: "absent", reason: `there is no folder ${this.#folder}` }
        : { state: "failing", reason };
      this.#watch.follow([]);
    }
  }

  #take(seen: ReadonlyMap<string, SeenFile>, sink: SourceSink): void {
    const suspects = new Set<string>();
    const files = new Map<string, KnownFile>();
    const problems = new Map<string, SourceProblem>();
    for (const path of new Set([...this.#files.keys(), ...seen.keys()])) {
      const known = this.#files.get(path);
      const file = seen.get(path);
      const had = (known?.content?.followed.length ?? 0) > 0;
      const isGone = file === undefined || file.text?.trim() === "";
      if (isGone && had && !this.#suspects.has(path)) {
        suspects.add(path);
        // Its old stamp stays, so the next look reads it again.
        if (known !== undefined) files.set(path, known);
      } else if (file !== undefined) {
        files.set(path, this.#read(path, file, known, problems));
      }
    }
    this.#suspects = suspects;
    this.#files = files;
    this.#fileProblems = replaceProblems(sink, this.#fileProblems, problems);
    this.#apply(sink);
    if (!this.#isListed) {
      this.#isListed = true;
      sink.listed();
    }
  }

  #read(
    path: string,
    file: SeenFile,
    known: KnownFile | undefined,
    problems: Map<string, SourceProblem>,
  ): KnownFile {
    if (file.text === null) {
      for (const problem of this.#fileProblems.values())
        if (problem.object.startsWith(`${path}:`)) problems.set(problem.object, problem);
      return known ?? { stamp: file.stamp, content: null };
    }
    const read = readDocuments(file.text);
    const content = read.ok ? classify(path, read.objects) : read;
    if (!("message" in content)) return { stamp: file.stamp, content };
    const kept = known?.content == null ? "" : "; what the file held before stays";
    const object = `${path}:${content.line}`;
    problems.set(object, { object, message: `${content.message}${kept}` });
    return { stamp: file.stamp, content: known?.content ?? null };
  }

  #apply(sink: SourceSink): void {
    const store = this.#store;
    if (store === null) return;
    const contents = new Map(
      [...this.#files].map(([path, { content }]) => [path, content ?? NOTHING]),
    );
    const merged = mergeFiles(contents);
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
    const problems = new Map(merged.problems.map((problem) => [problem.object, problem]));
    this.#mergeProblems = replaceProblems(sink, this.#mergeProblems, problems);
  }
}

/** Tells what is new, changed or over. */
function replaceProblems(
  sink: SourceSink,
  before: ReadonlyMap<string, SourceProblem>,
  after: Map<string, SourceProblem>,
): Map<string, SourceProblem> {
  for (const object of before.keys()) if (!after.has(object)) sink.solved(object);
  for (const [object, problem] of after)
    if (before.get(object)?.message !== problem.message) sink.problem(problem);
  return after;
}
