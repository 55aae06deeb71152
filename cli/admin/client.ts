/** The admin API from the command line: JSON in and out, a problem becomes a message that names the field and the rule. */
import { setGlobalProxyFromEnv } from "node:http";

import { proxyOf, routeTo } from "../../relay/hub/route.ts";
import type { CliConfig } from "./config.ts";
import { CommandError, UsageError } from "./usage-error.ts";

const TIMEOUT_MS = 30_000;

/** The hub cannot be reached, or whoever stands before it says so: it may be back soon. */
export class HubAwayError extends CommandError {}

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

  /** Path of the mesh's own resources. @throws UsageError when no mesh is chosen. */
  meshPath(...parts: readonly string[]): string {
    if (this.#mesh === undefined)
      throw new UsageError("which mesh? give --mesh NAME or set CATWALK_MESH");
    return ["/v1/meshes", ...[this.#mesh, ...parts].map(encodeURIComponent)].join("/");
  }

  /** For requests that this class does not make itself, as WebSocket upgrades. */
  headers(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.#token}` };
  }

  get<T>(path: string): Promise<T> {
    return this.request("GET", path);
  }

  /** @throws CommandError with the hub's own words, or saying that it cannot be reached. */
  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, this.server), {
        method,
        headers: {
          ...this.headers(),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      const why = routeTo(this.server).describe(error);
      throw new HubAwayError(`cannot reach the hub at ${this.server}: ${why}`, { cause: error });
    }
    const answer = parseJson(text);
    if (response.status === 401)
      throw new CommandError(
        `the hub does not take this admin token (${this.#tokenFrom}): it is in the file admin-token of the hub's data folder`,
      );
    if (isProblem(answer) && answer.code === "no-such-mesh")
      throw new CommandError(`the hub has no mesh named ${meshOf(path)}`);
    if (!response.ok) {
      const refusal = response.status >= 500 ? HubAwayError : CommandError;
      throw new refusal(
        isProblem(answer)
          ? answer.detail
          : `the hub answered ${response.status} ${text.slice(0, 200)}`,
      );
    }
    if (answer === undefined)
      throw new CommandError(`${this.server} does not answer as a hub does (no JSON)`);
    return answer as T;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Of `/v1/meshes/NAME/…`. */
function meshOf(path: string): string {
  return decodeURIComponent(path.split("/")[3] ?? "");
}

function isProblem(
  answer: unknown,
): answer is { readonly detail: string; readonly code?: unknown } {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "detail" in answer &&
    typeof answer.detail === "string"
  );
}
