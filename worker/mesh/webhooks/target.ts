/**
 * Which URLs a hub calls. What a name resolves to is judged by the runtime, after DNS: workerd's
 * `network` service with `allow = ["public"]`, which every fetch of the hub goes through. [EVT8]
 */
import { isPublicHost } from "../../../shared/ip/public-address.ts";

const SWITCH = "the hub's operator may allow that with `catwalk hub --allow-private-webhooks`";

/** @returns The rule that it breaks; `null`: it may be called. */
export function targetProblem(url: string, allowPrivate: boolean): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return "must be an https URL";
  if (parsed.username !== "" || parsed.password !== "") return "must have no user and password";
  if (allowPrivate) return null;
  if (parsed.protocol !== "https:") return `must be https: ${SWITCH}`;
  return isPublicHost(parsed.hostname.replaceAll(/^\[|\]$/g, ""))
    ? null
    : `must not be private, loopback or link-local: ${SWITCH}`;
}
