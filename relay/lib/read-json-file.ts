import { readFileSync } from "node:fs";

import type { z } from "zod";

import { parseJson } from "../../shared/lib/parse-json.ts";

/** What a file of this relay's own has; `null`: there is none, or none that this version reads. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>): T | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  const json = parseJson(text);
  const parsed = schema.safeParse(json.ok ? json.value : null);
  return parsed.success ? parsed.data : null;
}
