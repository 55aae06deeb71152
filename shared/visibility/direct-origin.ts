/** What stands for a member where a relay reads a remote itself: no member has such a uid. */
const PREFIX = "direct:";

/** @param name Of the remote's RCC, or of a cluster without a hub. */
export function directUid(name: string): string {
  return `${PREFIX}${name}`;
}

export function isDirectUid(uid: string): boolean {
  return uid.startsWith(PREFIX);
}
