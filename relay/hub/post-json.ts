/**
 * One GET, or POST, of JSON: what `fetch` would do, if it took Node's own agent and so a proxy and
 * authorities of its own.
 */
import type { Agent } from "node:https";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

import { parseJson } from "../../shared/lib/parse-json.ts";

/** The answer to a join has a credential and two names. */
const MAX_ANSWER_BYTES = 64 * 1024;

export interface JsonAnswer {
  readonly status: number;
  /** `{}` for anything that is not a JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

interface JsonOptions {
  readonly agent: Agent | undefined;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxAnswerBytes?: number;
}

/** @throws Error of the connection, or that the whole did not end in time or was too long. */
export function postJson(url: URL, body: unknown, options: JsonOptions): Promise<JsonAnswer> {
  const headers = { "content-type": "application/json", ...options.headers };
  return exchange("POST", url, JSON.stringify(body), { ...options, headers });
}

/** @throws Error as `postJson`. */
export function getJson(url: URL, options: JsonOptions): Promise<JsonAnswer> {
  return exchange("GET", url, undefined, options);
}

function exchange(
  method: "GET" | "POST",
  url: URL,
  body: string | undefined,
  { agent, timeoutMs, headers, maxAnswerBytes = MAX_ANSWER_BYTES }: JsonOptions,
): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const request = send(
      url,
      {
        method,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
        ...(agent === undefined ? {} : { agent }),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
          if (text.length > maxAnswerBytes) request.destroy(new Error("the answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: parseObject(text) }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  const parsed = parseJson(text);
  const value = parsed.ok ? parsed.value : null;
  return typeof value === "object" && value !== null ? { ...value } : {};
}
