/**
 * Strikes out of what is given away whatever looks like a secret: by the name of its field, and by
 * its form wherever it stands. [CLI93]
 */

const STRUCK = "[struck out]";

/** Names of fields whose values are secrets, whatever they are in. */
const SECRET_FIELD =
  /(?:pass(?:word|wd|phrase)|secret|token|credential|private_?key|api_?key|authorization|inline|etcdkey$|kubeconfig$|^jwk$|^d$)/i;
/** Fields with such a name that are none. */
const HARMLESS_FIELDS = new Set(["tokens", "secrets", "clusterAccessSecret", "expiresAt"]);

/** Forms that secrets have in any text. */
const SECRET_FORMS: readonly RegExp[] = [
  // Ours: join tokens, tokens of the admin API, webhook secrets.
  /\bcw[jt]_[a-z0-9-]{1,63}_[0-9a-f]{16,}/g,
  /\bwhs[ek]c?_[A-Za-z0-9+/=]{16,}/g,
  /\bwhsk_[A-Za-z0-9+/=]{16,}/g,
  // JWTs, PEM keys and certificates' keys, bearer and basic headers, passwords in URLs.
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}/gi,
  /(?<=:\/\/)[^/\s:@"]*:[^/\s@"]+(?=@)/g,
  // Of clouds, and of services that receive webhooks.
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\b(?:ghp|gho|ghs|ghu|github_pat)_\w{20,}/g,
  /\bxox[abprs]-[\w-]{10,}/g,
  /https:\/\/hooks\.slack\.com\/[^\s"']+/g,
  /\b(?:password|passwd|secret|token|api_?key|access_?key)\s*[=:]\s*[^\s"',;&]+/gi,
];

/** The same value, its texts without what looks like a secret. Names of fields stay. */
export function withoutSecrets<T>(value: T): T;
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return strike(value);
  if (Array.isArray(value)) return value.map((item: unknown) => withoutSecrets(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      strike(name),
      isSecretField(name) && typeof inner === "string" && inner !== ""
        ? STRUCK
        : withoutSecrets(inner),
    ]),
  );
}

function isSecretField(name: string): boolean {
  return SECRET_FIELD.test(name) && !HARMLESS_FIELDS.has(name);
}

function strike(text: string): string {
  return SECRET_FORMS.reduce((left, form) => left.replaceAll(form, STRUCK), text);
}
