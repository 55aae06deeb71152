/**
 * Which URLs are called. What a name resolves to is judged by whoever calls, after DNS. [EVT8]
 * [DIR19]
 */
import { isPublicHost } from "../ip/public-address.ts";

export interface TargetRule {
  readonly allowPrivate: boolean;
  /** Who may allow private targets, and how. */
  readonly advice: string;
}

/** @returns The rule that it breaks; `null`: it may be called. */
export function targetProblem(url: string, { allowPrivate, advice }: TargetRule): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return "must be an https URL";
  if (parsed.username !== "" || parsed.password !== "") return "must have no user and password";
  if (allowPrivate) return null;
  if (parsed.protocol !== "https:") return `must be https: ${advice}`;
  return isPublicHost(parsed.hostname.replaceAll(/^\[|\]$/g, ""))
    ? null
    : `must not be private, loopback or link-local: ${advice}`;
}
