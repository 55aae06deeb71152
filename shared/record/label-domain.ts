/**
 * Labels that only a relay may write: those of `catwalk.dev` and of every domain below it. [TYP23]
 * [SRC90]
 */
export const LABEL_DOMAIN = "catwalk.dev";

/** @param key As `a.io/b`. */
export function isReservedLabel(key: string): boolean {
  const slash = key.lastIndexOf("/");
  if (slash < 0) return false;
  const domain = key.slice(0, slash);
  return domain === LABEL_DOMAIN || domain.endsWith(`.${LABEL_DOMAIN}`);
}
