/**
 * What ends a command: exit status 2 for a call that cannot be meant so, 1 for one that did not
 * succeed. [CLI1]
 */
export class UsageError extends Error {}

export class CommandError extends Error {}

export function exitStatusOf(error: unknown): 1 | 2 {
  return error instanceof UsageError ? 2 : 1;
}
