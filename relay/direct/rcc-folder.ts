/** A folder of RCC documents, followed as it changes. [DIR1] */
import { errorText } from "../../shared/lib/error-text.ts";
import { LookSchedule } from "../source/manifests/look-schedule.ts";
import { scanFolder } from "../source/manifests/scan-folder.ts";
import { FolderWatch } from "../source/manifests/watch-folders.ts";
import { mergeDocuments, readFileDocuments } from "./documents.ts";
import type { FileDocuments } from "./documents.ts";
import type { RccHandlers, RccSource } from "./rcc-source.ts";

interface ReadFile {
  readonly stamp: string;
  readonly documents: FileDocuments;
}

export class RccFolder implements RccSource {
  readonly #folder: string;
  readonly #handlers: RccHandlers;
  readonly #schedule: LookSchedule;
  readonly #watch: FolderWatch;
  #files: ReadonlyMap<string, ReadFile> = new Map();
  #isRead = false;
  #isStopped = false;
  #problem: string | null = null;

  constructor(folder: string, handlers: RccHandlers) {
    this.#folder = folder;
    this.#handlers = handlers;
    this.#schedule = new LookSchedule({ debounceMs: 80, pollMs: 2_000 }, () => this.#look());
    this.#watch = new FolderWatch(() => this.#schedule.onFileEvent());
  }

  start(): void {
    this.#schedule.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#schedule.stop();
    this.#watch.follow([]);
  }

  async #look(): Promise<{ readonly isToBeRepeated: boolean }> {
    try {
      const stamps = new Map([...this.#files].map(([path, file]) => [path, file.stamp]));
      const { files, folders } = await scanFolder(this.#folder, stamps);
      if (this.#isStopped) return { isToBeRepeated: false };
      const isToBeRepeated = this.#watch.follow(folders);
      const read = new Map<string, ReadFile>();
      for (const [path, { stamp, text }] of files) {
        const before = this.#files.get(path);
        if (text === null && before !== undefined) read.set(path, before);
        else {
          const documents = readFileDocuments(path, text ?? "", before?.documents);
          read.set(path, { stamp, documents });
        }
      }
      this.#tell(read);
      this.#setProblem(null);
      return { isToBeRepeated };
    } catch (error) {
      this.#watch.follow([]);
      this.#setProblem(`--rcc-dir ${this.#folder}: ${errorText(error)}`);
      return { isToBeRepeated: false };
    }
  }

  #tell(read: ReadonlyMap<string, ReadFile>): void {
    const isSame =
      this.#isRead &&
      read.size === this.#files.size &&
      [...read].every(([path, file]) => this.#files.get(path) === file);
    this.#files = read;
    this.#isRead = true;
    if (isSame) return;
    const documents = new Map([...read].map(([path, file]) => [path, file.documents]));
    this.#handlers.onDocuments(mergeDocuments(documents));
  }

  #setProblem(problem: string | null): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.#handlers.onProblem(problem);
  }
}
