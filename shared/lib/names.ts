/**
 * Mesh, cluster and RCC names: an RFC 1123 label. 63 characters are what a DNS label, a label's
 * value and one part of a label key's domain may have, and an RCC's name becomes all three. [NAM1]
 */
export const MAX_NAME = 63;
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The rule in words, as it stands behind the name of a field. */
export const NAME_RULE =
  "must have 1 to 63 characters: lower-case letters, digits and dashes, a letter or digit first and last";

export function isName(text: string): boolean {
  return NAME_PATTERN.test(text);
}
