/**
 * `HOST:PORT`, as options and EndpointSlices name a TCP address; an IPv6 host stands in brackets.
 */

/** Whether an option has the form; the port's range is left to the system. */
export function isHostPort(text: string): boolean {
  return /^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/.test(text);
}

/** @param text Of the form that `isHostPort` checks. @returns The host without brackets. */
export function splitHostPort(text: string): [host: string, port: number] {
  const at = text.lastIndexOf(":");
  return [text.slice(0, at).replace(/^\[|\]$/g, ""), Number(text.slice(at + 1))];
}

/** @param host An IPv6 address without brackets, or any other host. */
export function formatHostPort(host: string, port: number | string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
