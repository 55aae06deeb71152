/** A relay's answers over HTTP: its status and its policies. [CLI44] */
import type { z } from "zod";

import { policiesSchema, relayStatusSchema } from "../../shared/api/relay.ts";
import type { RelayStatusView } from "../../shared/api/relay.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import type { ClusterPolicies } from "../../relay/source/source.ts";
import { CommandError } from "./usage-error.ts";

const TIMEOUT_MS = 10_000;

/** @throws CommandError when the relay cannot be reached, or answers something else. */
export async function readRelayStatus(
  url: string,
  timeoutMs = TIMEOUT_MS,
): Promise<RelayStatusView> {
  return readRelayJson(url, "/status", relayStatusSchema, timeoutMs);
}

/** The policies of the relay's own cluster, read now. @throws CommandError */
export async function relayPolicies(url: string): Promise<ClusterPolicies> {
  const { items, unread } = await readRelayJson(url, "/policies", policiesSchema);
  return { items: items as ClusterPolicies["items"], unread: unread ?? [UNTOLD] };
}

/** A relay of the version before tells policies only. */
const UNTOLD = { kind: "NetworkSet", message: "the relay is of a version that does not tell them" };

/** @throws CommandError when the relay cannot be reached, or answers something else. */
export async function readRelayJson<S extends z.ZodType>(
  url: string,
  path: string,
  schema: S,
  timeoutMs = TIMEOUT_MS,
): Promise<z.output<S>> {
  const text = await (await fetchRelay(url, path, AbortSignal.timeout(timeoutMs))).text();
  const answer = schema.safeParse(parseJson(text));
  if (answer.success) return answer.data;
  throw foreign(url, answer.error);
}

/** What a relay answered is not what relays answer. */
export function foreign(url: string, error: z.ZodError): CommandError {
  const [first] = describeIssues(error.issues);
  const what = first === undefined ? "" : ` (${first.field}: ${first.rule})`;
  return new CommandError(`${url} does not answer as a relay of this version does${what}`);
}

/** `undefined`, which no schema takes, for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * With the token of `CATWALK_RELAY_TOKEN`, for a relay on another machine. [CLI62]
 * @throws CommandError when the relay cannot be reached or answers an error.
 */
export async function fetchRelay(
  url: string,
  path: string,
  signal?: AbortSignal,
): Promise<Response> {
  const token = process.env["CATWALK_RELAY_TOKEN"];
  const headers: Record<string, string> = {};
  if (token !== undefined && token !== "") headers["authorization"] = `Bearer ${token.trim()}`;
  const request = { headers, ...(signal && { signal }) };
  const response = await fetch(new URL(path, url), request).catch((error: unknown) => {
    const { cause } = error as { readonly cause?: unknown };
    const why = cause instanceof Error ? cause.message : String(error);
    throw new CommandError(`cannot reach the relay at ${url}: ${why}`, { cause: error });
  });
  if (!response.ok)
    throw new CommandError(
      `the relay at ${url} answered ${response.status}: ${(await response.text()).slice(0, 200)}`,
    );
  return response;
}
