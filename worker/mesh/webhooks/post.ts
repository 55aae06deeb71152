/**
 * One request to a receiver, bounded in time and bytes: it may hang, drip, redirect or answer
 * without an end. [EVT9]
 */
import { errorText } from "../../../shared/lib/error-text.ts";
import type { Payload } from "../../../shared/webhooks/payload.ts";
import { retryAfterMs } from "../../../shared/webhooks/retry.ts";
import type { Sent } from "../../../shared/webhooks/retry.ts";

const TIMEOUT_MS = 15_000;
/** What is read of an answer so that its connection can be used again. */
const MOST_BYTES = 4_096;

export type Post = (url: string, payload: Payload) => Promise<Sent>;

export async function postPayload(
  url: string,
  { headers, body }: Payload,
  nowMs: number,
  timeoutMs = TIMEOUT_MS,
): Promise<Sent> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      // A redirect is an answer like any other: it is not followed.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await readSome(response.body);
    const after = retryAfterMs(response.headers.get("retry-after"), nowMs);
    return { kind: "answered", status: response.status, retryAfterMs: after };
  } catch (error) {
    return { kind: "failed", error: `no answer: ${errorText(error).slice(0, 200)}` };
  }
}

/** Whatever the body does, the status is what counts. */
async function readSome(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (let bytes = 0; bytes < MOST_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
    }
  } catch {
    // It has broken off, or takes too long.
  }
  await reader.cancel().catch(() => undefined);
}
