/** Mesh, cluster and RCC names: an RFC 1123 label of at most 32 characters. [NAM1] */
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

export function isName(text: string): boolean {
  return NAME_PATTERN.test(text);
}
