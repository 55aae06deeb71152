/**
 * Kubernetes objects from a file that a flag names: everything that `kubectl apply -f` takes.
 * [SRC48]
 */
import { readFileSync } from "node:fs";

import { errorText } from "../../shared/lib/error-text.ts";
import { readDocuments } from "../../relay/source/manifests/read-documents.ts";
import type { LocatedObject } from "../../relay/source/manifests/read-documents.ts";
import { textOf } from "../../relay/source/manifests/text-of.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

/**
 * @param file `-` for stdin.
 * @param flag For messages: `--file`.
 * @throws UsageError for a file that cannot be read, CommandError naming file and line.
 */
export function readObjects(file: string, flag: string): readonly LocatedObject[] {
  let text: string;
  try {
    text = textOf(readFileSync(file === "-" ? 0 : file));
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${errorText(error)}`);
  }
  const read = readDocuments(text);
  if (!read.ok)
    throw new CommandError(`${file}:${read.line}: ${read.message.split("\n")[0] ?? ""}`);
  if (read.objects.length === 0) throw new CommandError(`${file}: has no object`);
  return read.objects;
}
