/** The file of `--webhooks`: whom a relay tells of the remotes that it reads itself. [DIR19] */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { parseDocument } from "yaml";
import { z } from "zod";

import { errorText } from "../../shared/lib/error-text.ts";
import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { EVENT_TYPES } from "../../shared/visibility/health.ts";
import { targetProblem } from "../../shared/webhooks/target.ts";

const MOST = 32;
const name = z.string().regex(NAME_PATTERN, NAME_RULE);
const webhookSchema = z.strictObject({
  name,
  url: z.string().max(2048),
  /** `whsec_…`, a line each: two while it is changed. Relative to the file that names it. */
  secretFile: z.string().min(1).optional(),
  format: z.enum(["standard", "alertmanager"]).default("standard"),
  /** Empty: all. */
  events: z.array(z.enum(EVENT_TYPES)).default([]),
});
const settingsSchema = z.strictObject({
  /** What the cluster that has the RCCs is called in events. */
  cluster: name,
  webhooks: z.array(webhookSchema).min(1).max(MOST),
});

export type WebhookSetting = z.output<typeof webhookSchema>;
export type WebhookSettings = z.output<typeof settingsSchema>;

export type ParsedSettings =
  | { readonly ok: true; readonly settings: WebhookSettings }
  /** `field: rule`, each that is wrong. */
  | { readonly ok: false; readonly problem: string };

const ADVICE = "--allow-private-webhooks allows that";

/** Total. @param value As YAML gives it. */
export function parseWebhookSettings(value: unknown, allowPrivate: boolean): ParsedSettings {
  const parsed = settingsSchema.safeParse(value);
  if (!parsed.success) return wrong(describeIssues(parsed.error.issues));
  const { webhooks } = parsed.data;
  const problems = webhooks.flatMap(({ name: own, url, format, secretFile }, i) => {
    const at = `webhooks.${i}`;
    const rule = targetProblem(url, { allowPrivate, advice: ADVICE });
    return [
      ...(rule === null ? [] : [{ field: `${at}.url`, rule }]),
      ...(webhooks.findIndex((one) => one.name === own) === i
        ? []
        : [{ field: `${at}.name`, rule: "is another webhook's too" }]),
      ...(format === "standard" && secretFile === undefined
        ? [{ field: `${at}.secretFile`, rule: "must be set: a receiver verifies by it" }]
        : []),
    ];
  });
  return problems.length > 0 ? wrong(problems) : { ok: true, settings: parsed.data };
}

function wrong(problems: readonly { readonly field: string; readonly rule: string }[]) {
  const problem = problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
  return { ok: false, problem } as const;
}

/** @throws Error that names the file, each field and its rule. */
export function readWebhookSettings(path: string, allowPrivate: boolean): WebhookSettings {
  let value: unknown;
  try {
    const document = parseDocument(readFileSync(path, "utf8"));
    const [error] = document.errors;
    if (error !== undefined) throw error;
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new Error(`--webhooks ${path}: ${errorText(error)}`, { cause: error });
  }
  const parsed = parseWebhookSettings(value, allowPrivate);
  if (!parsed.ok) throw new Error(`--webhooks ${path}: ${parsed.problem}`);
  const folder = dirname(resolve(path));
  return {
    ...parsed.settings,
    webhooks: parsed.settings.webhooks.map((webhook) =>
      webhook.secretFile === undefined
        ? webhook
        : { ...webhook, secretFile: resolve(folder, webhook.secretFile) },
    ),
  };
}
