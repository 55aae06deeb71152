import { mkdirSync } from "node:fs";

import { errorText } from "../../shared/lib/error-text.ts";

/**
 * For its owner only; a folder that is there stays as it is.
 * @throws Error that begins with the flag and what it was given.
 */
export function makeFolder(path: string, flag: string, given = path): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    // `ENOTDIR: not a directory, mkdir '/a/b'`
    const reason = errorText(error).replace(/, mkdir '.*'$/, "");
    throw new Error(`${flag} ${given}: cannot be made (${reason})`, { cause: error });
  }
}
