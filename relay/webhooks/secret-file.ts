/** Secrets of a webhook, from their file. Nothing that is told of it has one. [DIR19] */
import { readFile } from "node:fs/promises";

import { errorText } from "../../shared/lib/error-text.ts";
import type { Signing } from "../../shared/webhooks/event.ts";

export type SecretsReading =
  | { readonly ok: true; readonly secrets: readonly Signing[] }
  | { readonly ok: false; readonly problem: string };

/** Standard Webhooks: 24 to 64 bytes, in base64. */
const SECRET = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;
/** One is enough but while it is changed. */
const MOST = 4;

/** Read for each delivery: a mounted Secret changes by itself. */
export async function readSecrets(path: string): Promise<SecretsReading> {
  try {
    return parseSecrets(await readFile(path, "utf8"));
  } catch (error) {
    return { ok: false, problem: errorText(error) };
  }
}

export function parseSecrets(text: string): SecretsReading {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const secrets = lines.filter((line) => line !== "");
  const wrong = secrets.findIndex((secret) => !SECRET.test(secret));
  if (secrets.length === 0 || secrets.length > MOST || wrong >= 0)
    return {
      ok: false,
      problem: `must have 1 to ${MOST} lines of whsec_ and the base64 of 24 to 64 bytes${wrong < 0 ? "" : `: line ${wrong + 1} is none`}`,
    };
  return { ok: true, secrets: secrets.map((secret) => ({ secret, untilMs: null })) };
}
