/** An API server as an administrator's commands use it: one object at a time, by its path. */
import { parseJson } from "../../shared/lib/parse-json.ts";
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import { listingTransport } from "../../relay/kube/list-slices.ts";
import type { HttpAnswer, KubeWriter, Transport } from "../../relay/kube/transport.ts";
import { describeFailure, parseListPage } from "../../relay/kube/watch-event.ts";

/** The server refused, or did not answer: the request and its own words. */
export class KubeProblem extends Error {
  /** 0: no answer. */
  readonly status: number;
  constructor(request: string, status: number, words: string) {
    super(`${request}: ${words}`);
    this.status = status;
  }
}

export type KubeWay = Pick<Transport, "get"> & KubeWriter;

const PAGE = 500;
/** Longer than a server takes for a page, shorter than anybody waits. */
const REQUEST_MS = 60_000;

export class KubeApi {
  readonly #way: KubeWay;

  constructor(way: KubeWay) {
    this.#way = way;
  }

  /** @param kubeconfig Absent: as kubectl finds it. */
  static open(kubeconfig: string | undefined): KubeApi {
    return new KubeApi(listingTransport(kubeconfig));
  }

  /** @returns `null` where there is none, or no such kind. @throws KubeProblem */
  async get(path: string): Promise<JsonObject | null> {
    return this.#read("GET", path, await this.#ask("GET", path));
  }

  /** All pages. @returns `null` where there is no such kind. @throws KubeProblem */
  async list(path: string): Promise<readonly JsonObject[] | null> {
    const items: JsonObject[] = [];
    for (let next: string | null = ""; next !== null;) {
      const query = new URLSearchParams({ limit: String(PAGE), continue: next });
      const request = `${path}${path.includes("?") ? "&" : "?"}${query.toString()}`;
      const answer = await this.#ask("GET", request);
      if (answer.status === 404) return null;
      if (answer.status !== 200)
        throw new KubeProblem(
          `GET ${path}`,
          answer.status,
          describeFailure(answer.status, answer.body),
        );
      const page = parseListPage(answer.body);
      if (!page.ok) throw new KubeProblem(`GET ${path}`, answer.status, page.message);
      items.push(...page.items);
      next = page.continueToken === "" ? null : page.continueToken;
    }
    return items;
  }

  /** @throws KubeProblem */
  async create(path: string, object: JsonObject): Promise<JsonObject> {
    return this.#written("POST", path, object);
  }

  /** @param object With the `resourceVersion` that was read. @throws KubeProblem */
  async replace(path: string, object: JsonObject): Promise<JsonObject> {
    return this.#written("PUT", path, object);
  }

  /** @returns Whether it was there. @throws KubeProblem */
  async remove(path: string): Promise<boolean> {
    const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" };
    const answer = await this.#ask("DELETE", path, body);
    return this.#read("DELETE", path, answer) !== null;
  }

  async #written(method: "POST" | "PUT", path: string, object: JsonObject): Promise<JsonObject> {
    const answer = await this.#ask(method, path, object);
    const written = this.#read(method, path, answer);
    if (written === null)
      throw new KubeProblem(`${method} ${path}`, 404, describeFailure(404, answer.body));
    return written;
  }

  #read(method: string, path: string, { status, body }: HttpAnswer): JsonObject | null {
    if (status === 404) return null;
    const json = parseJson(body);
    if (status < 200 || status > 299)
      throw new KubeProblem(`${method} ${path}`, status, describeFailure(status, body));
    if (!json.ok || !isJsonObject(json.value))
      throw new KubeProblem(`${method} ${path}`, status, "the answer is no object");
    return json.value;
  }

  async #ask(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: JsonObject) {
    const signal = AbortSignal.timeout(REQUEST_MS);
    const asked =
      method === "GET" ? this.#way.get(path, signal) : this.#way.send(method, path, body, signal);
    return asked.catch((error: unknown) => {
      throw new KubeProblem(`${method} ${path}`, 0, (error as Error).message);
    });
  }
}
