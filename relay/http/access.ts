/**
 * Who is answered by the relay's own HTTP. Health and metrics go to everybody who reaches the port;
 * pods, addresses, labels and policies to programs on this machine, and to who shows the token.
 * [CLI60] [CLI61]
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

import { isLoopbackHost } from "../../shared/ip/loopback.ts";
import { splitHostPort } from "../lib/host-port.ts";
import { isLocalCaller } from "./local-caller.ts";

const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);
const LEAST_TOKEN = 16;

/** What of a request says whose it is. */
export interface Caller {
  readonly remoteAddress: string | undefined;
  readonly headers: {
    readonly host?: string | undefined;
    readonly origin?: string | undefined;
    readonly authorization?: string | undefined;
  };
}

/** @returns Why it gets 401; `null` when it is answered. @param token `null`: there is none. */
export function refusalOf(path: string, caller: Caller, token: string | null): string | null {
  if (OPEN_PATHS.has(path) || isLocalCaller(caller.remoteAddress, caller.headers)) return null;
  if (token === null)
    return "only /healthz, /readyz and /metrics are open to other machines: start the relay with --http-token-file FILE";
  const shown = /^bearer +(\S+)$/i.exec(caller.headers.authorization ?? "")?.[1];
  return shown !== undefined && isSame(shown, token)
    ? null
    : "needs `Authorization: Bearer` with the token of the relay's --http-token-file";
}

/** In a time that says nothing of where they differ, nor of the token's length. */
function isSame(shown: string, token: string): boolean {
  const [a, b] = [shown, token].map((text) => createHash("sha256").update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

/** @throws Error that names the file. */
export function readToken(file: string): string {
  const token = readFileSync(file, "utf8").trim();
  if (token.length < LEAST_TOKEN || /\s/.test(token))
    throw new Error(`${file}: must hold one word of at least ${LEAST_TOKEN} characters`);
  return token;
}

/** @returns What to say to the operator; `null` when only this machine reaches the port. */
export function exposureOf(listen: string, token: string | null): string | null {
  const [host] = splitHostPort(listen);
  if (isLoopbackHost(host)) return null;
  const open = `the relay's own HTTP is at ${listen} without TLS: /healthz, /readyz and /metrics are open to whoever reaches it`;
  return token === null
    ? `${open}, the rest to programs on this machine only (--http-token-file opens it)`
    : `${open}, the rest to who has the token, or hears it on the way`;
}
