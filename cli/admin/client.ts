/**
 * The admin API from the command line: an operation in, its checked answer out; a problem becomes a
 * message that names the field and the rule.
 */
import { setGlobalProxyFromEnv } from "node:http";

import { isHeardOnTheWay } from "../../relay/hub/plain-http.ts";
import { proxyOf, routeTo } from "../../relay/hub/route.ts";
import type { AnswerOf, Operation } from "../../shared/api/operation.ts";
import { readAnswer, wireRequest } from "../../shared/api/request.ts";
import type { RequestOf, WireRequest } from "../../shared/api/request.ts";
import type { CliConfig } from "./config.ts";
import { CommandError, UsageError } from "./usage-error.ts";

const TIMEOUT_MS = 30_000;

/** The hub cannot be reached, or whoever stands before it says so: it may be back soon. */
export class HubAwayError extends CommandError {}

/** The token that is shown may not do this. */
export class ForbiddenError extends CommandError {}

/** What is asked for is not there. */
export class NotThereError extends CommandError {}

/** What was to be changed is not what it was when it was read. */
export class ChangedMeanwhileError extends CommandError {}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly etag: string | null;
}

interface Tagged<T> {
  readonly value: T;
  /** With its quotes; `null`: the hub gives none. */
  readonly etag: string | null;
}

export class Client {
  readonly server: string;
  readonly #token: string;
  readonly #tokenFrom: string;
  readonly #mesh: string | undefined;

  /** @throws UsageError when the hub or the token is not known. */
  constructor(config: CliConfig) {
    if (config.server === undefined)
      throw new UsageError(
        "which hub? give --server URL, set CATWALK_SERVER, or run inside a folder with .catwalk/config.yaml",
      );
    if (!URL.canParse(config.server) || !/^https?:/.test(config.server))
      throw new UsageError(`--server ${config.server}: must be an http or https URL`);
    if (isHeardOnTheWay(config.server) && config.insecureHttp !== true)
      throw new UsageError(
        `--server ${config.server}: must be https off loopback: an admin token that is heard on the way is the mesh (--insecure-http insists)`,
      );
    if (config.token === undefined || config.token === "")
      throw new UsageError("no admin token: give --token-file F or set CATWALK_TOKEN");
    this.#tokenFrom = config.tokenFrom ?? "its own";
    if (!/^[\x21-\x7e]+$/.test(config.token))
      throw new UsageError(
        `the admin token (${this.#tokenFrom}) must be one line of printable characters without spaces`,
      );
    this.server = config.server;
    // `fetch` knows no agent: what it dials by is set for the process.
    if (config.server.startsWith("https:")) setGlobalProxyFromEnv(proxyOf(process.env));
    this.#token = config.token;
    this.#mesh = config.mesh;
  }

  /** The mesh that is chosen. @throws UsageError when none is. */
  get mesh(): string {
    if (this.#mesh === undefined)
      throw new UsageError("which mesh? give --mesh NAME or set CATWALK_MESH");
    return this.#mesh;
  }

  /** For requests that this class does not make itself, as WebSocket upgrades. */
  headers(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.#token}` };
  }

  /**
   * @param ifMatch The entity tag of what the change is made from; `null`: it names none.
   * @throws CommandError with the hub's own words, or saying that it cannot be reached.
   */
  async call<O extends Operation>(
    operation: O,
    request: RequestOf<O>,
    ifMatch: string | null = null,
  ): Promise<AnswerOf<O>> {
    const { value } = await this.tagged(operation, request, ifMatch);
    return value;
  }

  /** @throws CommandError as `call` does. */
  async tagged<O extends Operation>(
    operation: O,
    request: RequestOf<O>,
    ifMatch: string | null = null,
  ): Promise<Tagged<AnswerOf<O>>> {
    const { status, text, etag } = await this.#send(wireRequest(operation, request), ifMatch);
    if (status === 401)
      throw new CommandError(
        `the hub does not take this admin token (${this.#tokenFrom}): it is in the file admin-token of the hub's data folder`,
      );
    const answer = readAnswer(operation, status, text);
    if (answer.kind === "success") return { value: answer.value, etag };
    // What is wrong on the hub's side may be over soon.
    const Refusal = status >= 500 ? HubAwayError : CommandError;
    if (answer.kind === "problem") {
      if (answer.problem.code === "no-such-mesh")
        throw new CommandError(`the hub has no mesh named ${meshOf(request)}`);
      if (status === 403) throw new ForbiddenError(answer.problem.detail);
      if (status === 404) throw new NotThereError(answer.problem.detail);
      if (status === 412 || status === 428) throw new ChangedMeanwhileError(answer.problem.detail);
      throw new Refusal(answer.problem.detail);
    }
    throw new Refusal(
      status >= 200 && status < 300
        ? `${this.server} does not answer as a hub does (${answer.rule})`
        : `the hub answered ${status} ${text.slice(0, 200)}`,
    );
  }

  /** Unix ms by the hub's clock. @throws CommandError */
  async time(): Promise<number> {
    const { text } = await this.#send({ method: "GET", path: "/v1/time" });
    const unixMs = Number(/^\{"unixMs":(\d{1,15})\}$/.exec(text)?.[1]);
    if (Number.isNaN(unixMs))
      throw new CommandError(`${this.server} does not tell the time as a hub does`);
    return unixMs;
  }

  /** An answer that is no JSON. @throws CommandError */
  async text(path: string): Promise<string> {
    const { status, text } = await this.#send({ method: "GET", path });
    if (status !== 200) throw new CommandError(`the hub answered ${status} to ${path}`);
    return text;
  }

  async #send(request: WireRequest, ifMatch: string | null = null): Promise<Answer> {
    try {
      return await this.#try(request, ifMatch);
    } catch (error) {
      try {
        if (mayRepeat(request, ifMatch) && isCutOff(error)) return await this.#try(request, null);
      } catch {
        // What went wrong first says more.
      }
      const why = routeTo(this.server).describe(error);
      throw new HubAwayError(`cannot reach the hub at ${this.server}: ${why}`, { cause: error });
    }
  }

  async #try({ method, path, body }: WireRequest, ifMatch: string | null): Promise<Answer> {
    const response = await fetch(new URL(path, this.server), {
      method,
      headers: {
        ...this.headers(),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(ifMatch === null ? {} : { "if-match": ifMatch }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const etag = response.headers.get("etag");
    return { status: response.status, text: await response.text(), etag };
  }
}

/** Whether it does the same when it is done twice. */
function mayRepeat({ method }: WireRequest, ifMatch: string | null): boolean {
  return method === "GET" || (method === "PUT" && ifMatch === null);
}

/** A connection that was kept and that the hub, or a proxy, has closed meanwhile. */
function isCutOff(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown };
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  return code === "ECONNRESET" || code === "UND_ERR_SOCKET" || code === "EPIPE";
}

function meshOf(request: object): string {
  const { params } = request as { readonly params?: { readonly mesh?: string } };
  return params?.mesh ?? "";
}
