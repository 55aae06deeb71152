/**
 * HTTP to an API server. The address, TLS and authentication are those of `access/kube-access.ts`,
 * asked with every request; requests are `node:http(s)`, because a watch must show every line and
 * its own silence.
 */
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { RequestOptions } from "node:https";

import { errorText } from "../../shared/lib/error-text.ts";
import { KubeAccess } from "./access/kube-access.ts";
import type { ChosenAccess } from "./access/select-access.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** An answer to a write. */
export interface WriteAnswer extends HttpAnswer {
  /** Seconds that the server asks to wait for; 0: it does not. */
  readonly retryAfterSeconds: number;
}

export type WriteMethod = "POST" | "PUT" | "DELETE";

export interface KubeWriter {
  /** @throws when there is no complete answer within the time. */
  send(method: WriteMethod, path: string, body: unknown, signal: AbortSignal): Promise<WriteAnswer>;
}

export interface WatchHandlers {
  /** Whole lines, in order, as they came in one read. */
  lines(lines: readonly string[]): void;
  /**
   * Once. `status` 200 when the server ended the stream in the ordinary way, 0 when the connection
   * broke or fell silent.
   */
  ended(status: number, message: string): void;
}

export interface Transport {
  /** @throws when there is no complete answer within the time, or it is larger than the bound. */
  get(path: string, signal: AbortSignal): Promise<HttpAnswer>;
  /** @returns Ends it; no handler is called afterwards. */
  watch(path: string, handlers: WatchHandlers): () => void;
}

/**
 * Largest list page and watch line. An etcd object has at most 1.5 MiB, a page at most 500 of them;
 * past it the server is refused.
 */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const MAX_LINE_CHARS = 32 * 1024 * 1024;
/** The kernel asks a silent peer after so long whether it is there. */
const KEEP_ALIVE_MS = 30_000;

export interface TransportOptions {
  /** Absent: `$KUBECONFIG`, `~/.kube/config`, or the pod's own service account. */
  readonly kubeconfig?: string;
  /** Instead of a kubeconfig: who says how the server is reached, asked with every request. */
  readonly access?: () => Promise<ChosenAccess>;
  /** For `KUBECONFIG`, the proxy variables, and exec plugins. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** No byte of an answer for so long: the server hangs. */
  readonly requestIdleMs: number;
  /**
   * No byte of a watch for so long. Bookmarks come about once a minute even when nothing happens.
   */
  readonly watchIdleMs: number;
}

export class KubeTransport implements Transport, KubeWriter {
  readonly #options: TransportOptions;
  readonly #access: KubeAccess;

  constructor(options: TransportOptions) {
    this.#options = options;
    const { kubeconfig, access, env = process.env } = options;
    this.#access = new KubeAccess({ kubeconfig, env, find: access });
  }

  /** PEM of the authorities that the kubeconfig names; empty: the machine's own are trusted. */
  async authority(): Promise<string> {
    const { options } = await this.#access.way();
    return typeof options.ca === "string" ? options.ca : "";
  }

  async get(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    return readAnswer(await this.#open(path, this.#options.requestIdleMs, signal));
  }

  async send(
    method: WriteMethod,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<WriteAnswer> {
    const text = JSON.stringify(body);
    const response = await this.#open(path, this.#options.requestIdleMs, signal, { method, text });
    const retryAfterSeconds = Number(response.headers["retry-after"] ?? 0) || 0;
    return { ...(await readAnswer(response)), retryAfterSeconds };
  }

  watch(path: string, handlers: WatchHandlers): () => void {
    const controller = new AbortController();
    let isOver = false;
    const end = (status: number, message: string): void => {
      if (isOver) return;
      isOver = true;
      controller.abort();
      handlers.ended(status, message);
    };
    this.#open(path, this.#options.watchIdleMs, controller.signal).then(
      (response) => {
        response.setEncoding("utf8");
        const status = response.statusCode ?? 0;
        const split = new LineSplitter();
        response.on("data", (chunk: string) => {
          if (isOver) return;
          const lines = split.add(chunk);
          if (split.restLength > MAX_LINE_CHARS) end(0, "a line of the watch has no end");
          else if (status === 200 && lines.length > 0) handlers.lines(lines);
        });
        response.on("error", (error) => end(0, error.message));
        // A rest without its newline is half an event of a broken connection, whatever the server
        // says.
        response.on("close", () => end(response.complete ? status : 0, "the connection broke"));
        response.on("end", () => {
          if (status !== 200) end(status, `${status} ${split.rest.slice(0, 300)}`);
          else if (split.rest !== "") end(0, "the watch ended in the middle of a line");
          else end(200, "the watch ended");
        });
      },
      (error: unknown) => end(0, errorText(error)),
    );
    return () => {
      isOver = true;
      controller.abort();
    };
  }

  async #open(
    path: string,
    idleMs: number,
    signal: AbortSignal,
    { method = "GET", text = "" }: { readonly method?: string; readonly text?: string } = {},
  ): Promise<IncomingMessage> {
    const answerMs = this.#options.requestIdleMs;
    const { base, options: way, refused } = await this.#access.way();
    const options: RequestOptions = {
      ...way,
      method,
      signal,
    };
    const url = new URL(base.origin + base.pathname.replace(/\/$/, "") + path);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const open = url.protocol === "http:" ? httpRequest : httpsRequest;
      let answer: IncomingMessage | null = null;
      const request = open(url, options, (incoming) => {
        clearTimeout(unanswered);
        answer = incoming;
        resolve(incoming);
      });
      const giveUp = (ms: number): void => {
        const silence = new Error(`the API server sent nothing for ${ms / 1000} s`);
        (answer ?? request).destroy(silence);
      };
      // A socket's own timeout does not run while it connects, nor while a proxy does.
      const unanswered = setTimeout(() => giveUp(answerMs), answerMs);
      request.setTimeout(idleMs, () => giveUp(idleMs));
      request.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      request.on("error", (error: NodeJS.ErrnoException) => {
        // Where several addresses were tried the message is empty.
        const words = error.message === "" ? (error.code ?? error.name) : error.message;
        reject(new Error(`${base.host}: ${words}`, { cause: error }));
      });
      request.on("close", () => clearTimeout(unanswered));
      if (text !== "") {
        request.setHeader("content-type", "application/json");
        request.setHeader("content-length", Buffer.byteLength(text));
      }
      request.end(text);
    });
    if (response.statusCode === 401) refused();
    return response;
  }
}

/** @throws Error where it is larger than the bound. */
async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  response.setEncoding("utf8");
  const chunks: string[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<string>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`the answer has more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: chunks.join("") };
}

/** Text in pieces → whole lines. */
class LineSplitter {
  #pieces: string[] = [];
  restLength = 0;

  get rest(): string {
    return this.#pieces.join("");
  }

  add(chunk: string): readonly string[] {
    const lines = chunk.split("\n");
    const last = lines.pop() ?? "";
    if (lines.length > 0) {
      lines[0] = this.rest + (lines[0] ?? "");
      this.#pieces = [];
      this.restLength = 0;
    }
    if (last !== "") this.#pieces.push(last);
    this.restLength += last.length;
    return lines.filter((line) => line.trim() !== "");
  }
}
