/** An API server that has EndpointSlices, Endpoints, Events and Leases, in memory. */
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

export interface SliceRequest {
  readonly method: WriteMethod;
  readonly path: string;
  readonly body: JsonObject;
}

const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";

export class FakeSliceApi implements Transport, KubeApi {
  readonly objects = new Map<string, JsonObject>();
  readonly requests: SliceRequest[] = [];
  /** Answers of the next writes, instead of doing them. */
  readonly failures: WriteAnswer[] = [];
  /** Called after a write was done. */
  onWrite: (request: SliceRequest) => void = () => undefined;
  #version = 100;
  #watch: WatchHandlers | null = null;

  /** Somebody has listed it, and hears what changes. */
  get isWatched(): boolean {
    return this.#watch !== null;
  }

  /** Paths of objects below it. */
  slices(): JsonObject[] {
    return [...this.objects].flatMap(([path, object]) =>
      path.includes("/endpointslices/") ? [object] : [],
    );
  }

  /** Writes of slices. */
  sliceWrites(): string[] {
    return this.requests
      .filter(({ path }) => path.includes("endpointslices"))
      .map(({ method }) => method);
  }

  /** By somebody else. */
  put(path: string, object: JsonObject): void {
    this.#store(path, object, "MODIFIED");
  }

  get(path: string): Promise<HttpAnswer> {
    const [bare = ""] = path.split("?");
    const object = this.objects.get(bare);
    if (bare === SLICES)
      return answer(200, {
        metadata: { resourceVersion: `${this.#version}` },
        items: this.slices(),
      });
    return object === undefined ? answer(404, {}) : answer(200, object);
  }

  watch(_path: string, handlers: WatchHandlers): () => void {
    this.#watch = handlers;
    return () => (this.#watch = null);
  }

  async send(method: WriteMethod, path: string, body: unknown): Promise<WriteAnswer> {
    await Promise.resolve();
    const object = isJsonObject(body) ? body : {};
    const request = { method, path, body: object };
    this.requests.push(request);
    const failure = this.failures.shift();
    if (failure !== undefined) return failure;
    const done = this.#do(request);
    this.onWrite(request);
    return { ...done, retryAfterSeconds: 0 };
  }

  #do({ method, path, body }: SliceRequest): { readonly status: number; readonly body: string } {
    const metadata = isJsonObject(body["metadata"]) ? body["metadata"] : {};
    const [given, prefix] = [metadata["name"], metadata["generateName"]];
    const name = typeof given === "string" ? given : `${String(prefix)}${this.#version}`;
    const at = method === "POST" ? `${path}/${name}` : path;
    const before = this.objects.get(at);
    if (method === "POST") {
      if (before !== undefined) return { status: 409, body: "{}" };
      return { status: 201, body: JSON.stringify(this.#store(at, body, "ADDED")) };
    }
    if (before === undefined) return { status: 404, body: "{}" };
    const { resourceVersion } = isJsonObject(before["metadata"]) ? before["metadata"] : {};
    const preconditions = isJsonObject(body["preconditions"]) ? body["preconditions"] : metadata;
    if (preconditions["resourceVersion"] !== resourceVersion) return { status: 409, body: "{}" };
    if (method === "PUT")
      return { status: 200, body: JSON.stringify(this.#store(at, body, "MODIFIED")) };
    this.objects.delete(at);
    this.#version++;
    this.#tell("DELETED", at, before);
    return { status: 200, body: "{}" };
  }

  #store(path: string, object: JsonObject, type: string): JsonObject {
    const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
    const versioned = { ...metadata, resourceVersion: `${++this.#version}` };
    const stored = { ...object, metadata: versioned };
    this.objects.set(path, stored);
    this.#tell(type, path, stored);
    return stored;
  }

  #tell(type: string, path: string, object: JsonObject): void {
    if (path.includes("/endpointslices/")) this.#watch?.lines([JSON.stringify({ type, object })]);
  }
}

function answer(status: number, body: unknown): Promise<HttpAnswer> {
  return Promise.resolve({ status, body: JSON.stringify(body) });
}
