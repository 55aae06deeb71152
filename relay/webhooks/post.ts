/**
 * One request of a relay to a receiver, bounded in time and bytes. What its name resolves to is
 * judged here, at each connection, so that a second answer of a name server changes nothing.
 * [DIR19] [EVT9]
 */
import { lookup } from "node:dns";
import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";

import { errorText } from "../../shared/lib/error-text.ts";
import { isPublicHost } from "../../shared/ip/public-address.ts";
import type { Payload } from "../../shared/webhooks/payload.ts";
import { retryAfterMs } from "../../shared/webhooks/retry.ts";
import type { Sent } from "../../shared/webhooks/retry.ts";

const TIMEOUT_MS = 15_000;
/** What is read of an answer. */
const MOST_BYTES = 4_096;

export interface PostOptions {
  readonly allowPrivate: boolean;
  readonly nowMs: number;
  readonly timeoutMs?: number;
}

/** Never throws. A redirect is an answer like any other: it is not followed. */
export async function postPayload(
  url: string,
  { headers, body }: Payload,
  { allowPrivate, nowMs, timeoutMs = TIMEOUT_MS }: PostOptions,
): Promise<Sent> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const guard = allowPrivate ? {} : { lookup: publicOnly };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = new URL(url).protocol === "https:" ? requestHttps : requestHttp;
      const options = { method: "POST", headers, signal, agent: false, ...guard } as const;
      const request = send(url, options, resolve);
      request.on("error", reject);
      request.end(body);
    });
    await readSome(response);
    const { statusCode: status = 0 } = response;
    const after = retryAfterMs(response.headers["retry-after"] ?? null, nowMs);
    return { kind: "answered", status, retryAfterMs: after };
  } catch (error) {
    return { kind: "failed", error: `no answer: ${errorText(error).slice(0, 200)}` };
  }
}

/** Whatever the body does, the status is what counts. */
async function readSome(response: IncomingMessage): Promise<void> {
  try {
    let bytes = 0;
    for await (const chunk of response) {
      bytes += (chunk as Uint8Array).length;
      if (bytes >= MOST_BYTES) break;
    }
  } catch {
    // It has broken off, or takes too long.
  }
  response.destroy();
}

/** As `dns.lookup`, without what is private, loopback or link-local. */
export const publicOnly: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return done(error, []);
    const addresses = found.filter(({ address }) => isPublicHost(address));
    const [first] = addresses;
    if (first === undefined)
      return done(new Error(`${hostname} resolves to no public address`), []);
    if (options.all === true) done(null, addresses);
    else done(null, first.address, first.family);
  });
};
