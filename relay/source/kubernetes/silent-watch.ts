/**
 * Whether a watch that says nothing is still of this world. A watch from a position that the server
 * has never had (its store was put back), or one that something in between holds open, is silent
 * for ever; a cheap consistent list (`limit=1`) shows it, because it cannot agree with what the
 * watch has told. [SRC86]
 */

/** Bookmarks come about once a minute: so long without a sign is too long. */
export const SILENT_MS = 70_000;
/** A watch that was opened after a failure is looked at sooner. */
export const AFTER_FAILURE_MS = 5_000;
/** How long the look may take. Together with the silence it stays below 90 s. */
export const LOOK_MS = 15_000;

/** The answer to a list of one object, beside the number of objects that we have. */
export interface Look {
  readonly position: string;
  /** Objects at the server; `null`: it does not say. */
  readonly count: number | null;
  readonly known: number;
  /** The object of the list is one that we do not have. */
  readonly isStranger: boolean;
  /** Its own position; empty where the collection is. */
  readonly objectPosition: string;
}

/** @returns Why the watch cannot be believed; `null`: it can. */
export function disbelief(look: Look, position: string): string | null {
  const { count, known } = look;
  if (isBefore(look.position, position))
    return `the server is at ${look.position}, behind the watch's position ${position}`;
  const isSame = look.position === position;
  if (count !== null && count !== known)
    return `the server has ${count} objects, the watch ${known}`;
  if (look.isStranger) return "the server has an object that the watch has not told";
  if (isSame) return null;
  if (count === null) return "the server does not say how many objects it has";
  if (!isNumber(look.position) || !isNumber(position))
    return "the server's positions cannot be compared";
  return isBefore(position, look.objectPosition)
    ? "the server has a newer object than the watch has told"
    : null;
}

/**
 * Positions are opaque, but for servers whose positions are numbers (Kubernetes' own): there a
 * smaller one is older.
 */
export function isBefore(a: string, b: string): boolean {
  if (!isNumber(a) || !isNumber(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}

function isNumber(position: string): boolean {
  return /^(0|[1-9]\d{0,19})$/.test(position);
}
