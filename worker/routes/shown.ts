/** How values of the registry are shown in answers. */

export function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
