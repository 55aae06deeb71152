/**
 * Passes an authenticated upgrade to an Origin. What the Worker says of the peer is in headers that
 * nobody outside can set. [CRE7]
 */
import { INTERNAL_HEADERS } from "../ports.ts";
import { HttpProblem } from "./problem.ts";

export type InternalHeader = keyof typeof INTERNAL_HEADERS;

/** @throws HttpProblem 426 unless the request asks for a WebSocket. */
export function requireUpgrade(request: Request): void {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket")
    throw new HttpProblem(426, "upgrade-required", "this path takes WebSocket upgrades only");
}

/** A copy of the request with exactly these internal headers, and without the caller's secrets. */
export function withInternalHeaders(
  request: Request,
  values: Readonly<Record<InternalHeader, string>>,
): Request {
  const headers = new Headers(request.headers);
  const fromOutside = [...headers.keys()].filter((name) => name.startsWith("catwalk-"));
  for (const name of fromOutside) headers.delete(name);
  headers.delete("authorization");
  for (const [key, name] of Object.entries(INTERNAL_HEADERS))
    headers.set(name, values[key as InternalHeader]);
  return new Request(request, { headers });
}
