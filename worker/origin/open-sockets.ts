/**
 * Sockets of this process, over all its objects. A hub of one's own has a bound on open files, past which workerd does not refuse a connection but
 * ends; so the Worker refuses before. On Cloudflare every object has a process of its own, and no bound is set. [API8]
 */
const sockets = new Set<string>();

export const openSockets = {
  add: (id: string): void => void sockets.add(id),
  delete: (id: string): void => void sockets.delete(id),
  /** @param most Absent or no number: any. */
  hasRoom: (most: string | undefined): boolean => sockets.size < (Number(most) || Infinity),
};
