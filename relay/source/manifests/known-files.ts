/**
 * The files of a folder as they were read last, and what one look at the folder makes of them.
 * Pure.
 *
 * A file that was there and is missing or empty at one look is not trusted to be gone: editors save
 * by moving files and by truncating them. It is a suspect, and a second look decides. [SRC44]
 */
import type { SourceProblem } from "../source.ts";
import { classify } from "./merge.ts";
import type { FileContent } from "./merge.ts";
import { readDocuments } from "./read-documents.ts";
import type { SeenFile, Stamp } from "./scan-folder.ts";

export interface KnownFile {
  readonly stamp: Stamp;
  /** Last good content; `null` when it never was. */
  readonly content: FileContent | null;
  /** Of the newest text, by object (`pods.yaml:12`). */
  readonly problem: SourceProblem | null;
  /** Missing or empty at the last look, with objects before it: the next look decides. */
  readonly isSuspect: boolean;
}

export type KnownFiles = ReadonlyMap<string, KnownFile>;

const NOTHING: FileContent = { followed: [], policies: [] };

export function afterLook(known: KnownFiles, seen: ReadonlyMap<string, SeenFile>): KnownFiles {
  const files = new Map<string, KnownFile>();
  for (const path of new Set([...known.keys(), ...seen.keys()])) {
    const before = known.get(path);
    const file = seen.get(path);
    const isGone = file === undefined || file.text?.trim() === "";
    const had = (before?.content?.followed.length ?? 0) > 0;
    // Its old stamp stays, so the next look reads it again.
    if (before !== undefined && isGone && had && !before.isSuspect)
      files.set(path, { ...before, isSuspect: true, problem: null });
    else if (file !== undefined) files.set(path, readFile(path, file, before));
  }
  return files;
}

/** The objects of each file, by path. */
export function contentsOf(files: KnownFiles): ReadonlyMap<string, FileContent> {
  return new Map([...files].map(([path, { content }]) => [path, content ?? NOTHING]));
}

export function problemsOf(files: KnownFiles): ReadonlyMap<string, SourceProblem> {
  const problems = [...files.values()].flatMap(({ problem }) => problem ?? []);
  return new Map(problems.map((problem) => [problem.object, problem]));
}

function readFile(path: string, file: SeenFile, before: KnownFile | undefined): KnownFile {
  const { stamp, text } = file;
  const content = before?.content ?? null;
  if (text === null) return { stamp, content, problem: before?.problem ?? null, isSuspect: false };
  const read = readDocuments(text);
  const classified = read.ok ? classify(path, read.objects) : read;
  if (!("message" in classified))
    return { stamp, content: classified, problem: null, isSuspect: false };
  const kept = content === null ? "" : "; what the file held before stays";
  const object = `${path}:${classified.line}`;
  const problem = { object, message: `${classified.message}${kept}` };
  return { stamp, content, problem, isSuspect: false };
}
