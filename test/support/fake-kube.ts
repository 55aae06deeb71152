/**
 * An API server in memory: namespaced objects of any kind, with lists, watches, versions,
 * preconditions and `/status`. What it does to an object beside that, a test says.
 */
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import type {
  HttpAnswer,
  Transport,
  WatchHandlers,
  WriteAnswer,
  WriteMethod,
} from "../../relay/kube/transport.ts";
import type { KubeApi } from "../../relay/services/slice-api.ts";

interface Watcher {
  readonly selector: string;
  readonly handlers: WatchHandlers;
}

interface Place {
  /** `/apis/group/version/plural`. */
  readonly collection: string;
  readonly namespace: string;
  /** Empty: the collection. */
  readonly name: string;
  readonly isStatus: boolean;
}

export class FakeKube implements Transport, KubeApi {
  /** By `collection namespace/name`. */
  readonly #objects = new Map<string, JsonObject>();
  readonly #watches = new Map<string, Set<Watcher>>();
  /** `METHOD plural[/status]` of what was done. */
  readonly writes: string[] = [];
  /** Answers of the next writes, instead of doing them. */
  readonly failures: WriteAnswer[] = [];
  /** Collections that are not there. */
  readonly absent = new Set<string>();
  /** Group versions of `/apis`. */
  readonly served: string[] = [];
  /** What the server makes of an object that is written. */
  admit: (collection: string, object: JsonObject) => JsonObject = (_, object) => object;
  /** Hears of each object as it is kept. */
  onStored: (collection: string, object: JsonObject) => void = () => undefined;
  #version = 100;

  /** All of a collection. */
  all(collection: string): JsonObject[] {
    return [...this.#objects].flatMap(([id, object]) =>
      id.startsWith(`${collection} `) ? [object] : [],
    );
  }

  one(collection: string, id: string): JsonObject | null {
    return this.#objects.get(`${collection} ${id}`) ?? null;
  }

  /** By somebody else; `null`: it is deleted. */
  put(collection: string, id: string, object: JsonObject | null): void {
    if (object === null) this.#remove(collection, id);
    else this.#store(collection, id, object);
  }

  get(path: string): Promise<HttpAnswer> {
    if (path === "/apis") return this.#groups();
    const [bare = "", query = ""] = path.split("?");
    const { collection, namespace, name } = placeOf(bare);
    if (this.absent.has(collection)) return answer(404, {});
    if (name !== "") {
      const object = this.one(collection, `${namespace}/${name}`);
      return object === null ? answer(404, {}) : answer(200, object);
    }
    const selector = new URLSearchParams(query).get("labelSelector") ?? "";
    const items = this.all(collection).filter((object) => isSelected(object, selector));
    return answer(200, { metadata: { resourceVersion: `${this.#version}` }, items });
  }

  watch(path: string, handlers: WatchHandlers): () => void {
    const [bare = "", query = ""] = path.split("?");
    const { collection } = placeOf(bare);
    const watches = this.#watches.get(collection) ?? new Set<Watcher>();
    this.#watches.set(collection, watches);
    const selector = new URLSearchParams(query).get("labelSelector") ?? "";
    const watcher = { selector, handlers };
    watches.add(watcher);
    return () => watches.delete(watcher);
  }

  async send(method: WriteMethod, path: string, body: unknown): Promise<WriteAnswer> {
    await Promise.resolve();
    const place = placeOf(path);
    const plural = place.collection.split("/").at(-1) ?? "";
    this.writes.push(`${method} ${plural}${place.isStatus ? "/status" : ""}`);
    const failure = this.failures.shift();
    if (failure !== undefined) return failure;
    const [status, object] = this.#do(method, place, isJsonObject(body) ? body : {});
    return { status, body: JSON.stringify(object), retryAfterSeconds: 0 };
  }

  #do(method: WriteMethod, place: Place, body: JsonObject): readonly [number, JsonObject] {
    const { collection, namespace } = place;
    if (this.absent.has(collection)) return [404, {}];
    const metadata = metadataOf(body);
    const id = `${namespace}/${place.name === "" ? String(metadata["name"]) : place.name}`;
    const before = this.one(collection, id);
    if (method === "POST") {
      if (before !== null) return [409, {}];
      const uid = `uid-${this.#version}`;
      const made = { ...this.admit(collection, body), status: {} };
      return [201, this.#store(collection, id, withMetadata(made, { uid }))];
    }
    if (before === null) return [404, {}];
    const { resourceVersion, uid } = metadataOf(before);
    const preconditions = isJsonObject(body["preconditions"]) ? body["preconditions"] : metadata;
    if (preconditions["resourceVersion"] !== resourceVersion) return [409, {}];
    if (method === "DELETE") {
      this.#remove(collection, id);
      return [200, {}];
    }
    const { status } = place.isStatus ? body : before;
    const next = place.isStatus ? before : this.admit(collection, body);
    return [200, this.#store(collection, id, withMetadata({ ...next, status }, { uid }))];
  }

  #groups(): Promise<HttpAnswer> {
    const names = [...new Set(this.served.map((one) => one.split("/")[0]))];
    const versions = (name: string | undefined): unknown[] =>
      this.served.flatMap((one) => (one.split("/")[0] === name ? [{ groupVersion: one }] : []));
    return answer(200, { groups: names.map((name) => ({ name, versions: versions(name) })) });
  }

  #store(collection: string, id: string, object: JsonObject): JsonObject {
    const type = this.#objects.has(`${collection} ${id}`) ? "MODIFIED" : "ADDED";
    const stored = withMetadata(object, { resourceVersion: `${++this.#version}` });
    this.#objects.set(`${collection} ${id}`, stored);
    this.onStored(collection, stored);
    this.#tell(collection, type, stored);
    return stored;
  }

  #remove(collection: string, id: string): void {
    const before = this.one(collection, id);
    if (before === null) return;
    this.#objects.delete(`${collection} ${id}`);
    const gone = withMetadata(before, { resourceVersion: `${++this.#version}` });
    this.#tell(collection, "DELETED", gone);
  }

  #tell(collection: string, type: string, object: JsonObject): void {
    for (const { selector, handlers } of this.#watches.get(collection) ?? [])
      if (isSelected(object, selector)) handlers.lines([JSON.stringify({ type, object })]);
  }
}

function placeOf(path: string): Place {
  const found =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(\/status)?$/.exec(
      path,
    );
  const [, group = "", namespace = "", plural = "", name = "", status] = found ?? [];
  return { collection: `${group}/${plural}`, namespace, name, isStatus: status !== undefined };
}

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object["metadata"]) ? object["metadata"] : {};
}

function withMetadata(object: JsonObject, more: JsonObject): JsonObject {
  return { ...object, metadata: { ...metadataOf(object), ...more } };
}

/** @param selector `key=value`; empty: all. */
function isSelected(object: JsonObject, selector: string): boolean {
  if (selector === "") return true;
  const [key = "", value] = selector.split("=");
  const { labels } = metadataOf(object);
  return isJsonObject(labels) && labels[key] === value;
}

function answer(status: number, body: unknown): Promise<HttpAnswer> {
  return Promise.resolve({ status, body: JSON.stringify(body) });
}
