/**
 * Before 3.4.25 and 3.5.8 an etcd may answer a request for progress before events of an earlier
 * revision (etcd issue 15220): its revision is a sign of life, and no position.
 */
const FIXED: Readonly<Record<string, number>> = { "3.4": 25, "3.5": 8 };

export function tellsProgressTruly(version: string): boolean {
  const [, major = "", minor = "", patch = ""] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === "") return false;
  if (Number(major) !== 3) return Number(major) > 3;
  const fixed = FIXED[`${major}.${minor}`];
  return fixed === undefined ? Number(minor) > 5 : Number(patch) >= fixed;
}
