/** An API server that has our custom resources and their CRDs, in memory. */
import { isJsonObject } from "../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import type {
  HttpAnswer,
  Transport,
  WatchHandlers,
  WriteAnswer,
  WriteMethod,
} from "../../relay/kube/transport.ts";
import type { KubeApi } from "../../relay/resources/kube-api.ts";

const ALL = "/apis/catwalk.dev/v1/";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/";

export class FakeResourceApi implements Transport, KubeApi {
  /** By `plural/name`. */
  readonly objects = new Map<string, JsonObject>();
  /** By plural: UID, and whether it is being deleted. */
  readonly definitions = new Map<string, { readonly uid: string; readonly isLeaving: boolean }>();
  /** Statuses instead of answers, of paths that contain the text. */
  readonly refused = new Map<string, number>();
  readonly statusWrites: string[] = [];
  readonly #watches = new Map<string, WatchHandlers>();
  #version = 100;

  define(uid: string): void {
    for (const plural of ["remoteclusterconfigurations", "remoteclustergrants"])
      this.definitions.set(plural, { uid, isLeaving: false });
  }

  /** As the API server does it: marked first, then each object goes, then the CRD. */
  deleteDefinitions(): void {
    for (const [plural, { uid }] of this.definitions)
      this.definitions.set(plural, { uid, isLeaving: true });
    for (const path of this.objects.keys()) this.delete(path);
    this.definitions.clear();
  }

  put(path: string, object: JsonObject): void {
    const isNew = !this.objects.has(path);
    this.#store(path, object, isNew ? "ADDED" : "MODIFIED");
  }

  delete(path: string): void {
    const object = this.objects.get(path);
    if (object === undefined) return;
    this.objects.delete(path);
    this.#tell(path, "DELETED", { ...object, metadata: this.#versioned(object) });
  }

  status(path: string): JsonObject {
    const status = this.objects.get(path)?.["status"];
    return isJsonObject(status) ? status : {};
  }

  get(path: string): Promise<HttpAnswer> {
    const [bare = ""] = path.split("?");
    const refused = this.#refusal(bare);
    if (refused !== null) return answer(refused, { code: refused, message: "forbidden" });
    if (bare.startsWith(CRDS)) {
      const plural = bare.slice(CRDS.length).split(".")[0] ?? "";
      const found = this.definitions.get(plural);
      if (found === undefined) return answer(404, {});
      const deletion = found.isLeaving ? { deletionTimestamp: "2026-11-30T00:00:00Z" } : {};
      return answer(200, {
        metadata: { uid: found.uid, ...deletion },
        status: { conditions: [{ type: "Established", status: "True" }] },
      });
    }
    const plural = bare.slice(ALL.length);
    if (!this.definitions.has(plural)) return answer(404, {});
    const items = [...this.objects].flatMap(([name, object]) =>
      name.startsWith(`${plural}/`) ? [object] : [],
    );
    return answer(200, { metadata: { resourceVersion: `${this.#version}` }, items });
  }

  watch(path: string, handlers: WatchHandlers): () => void {
    const plural = (path.split("?")[0] ?? "").slice(ALL.length);
    this.#watches.set(plural, handlers);
    return () => {
      if (this.#watches.get(plural) === handlers) this.#watches.delete(plural);
    };
  }

  async send(method: WriteMethod, path: string, body: unknown): Promise<WriteAnswer> {
    await Promise.resolve();
    const done = (status: number, object: unknown): WriteAnswer => ({
      status,
      body: JSON.stringify(object),
      retryAfterSeconds: 0,
    });
    const refused = this.#refusal(path);
    if (refused !== null) return done(refused, { code: refused, message: "forbidden" });
    const at = path.slice(ALL.length).replace(/\/status$/, "");
    const before = this.objects.get(at);
    if (method !== "PUT" || !path.endsWith("/status") || !isJsonObject(body)) return done(405, {});
    if (before === undefined) return done(404, {});
    if (versionOf(body) !== versionOf(before)) return done(409, {});
    this.statusWrites.push(at);
    return done(200, this.#store(at, { ...before, status: body["status"] }, "MODIFIED"));
  }

  #refusal(path: string): number | null {
    for (const [text, status] of this.refused) if (path.includes(text)) return status;
    return null;
  }

  #store(path: string, object: JsonObject, type: string): JsonObject {
    const stored = { ...object, metadata: this.#versioned(object) };
    this.objects.set(path, stored);
    this.#tell(path, type, stored);
    return stored;
  }

  #versioned(object: JsonObject): JsonObject {
    const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
    return { ...metadata, resourceVersion: `${++this.#version}` };
  }

  #tell(path: string, type: string, object: JsonObject): void {
    const plural = path.split("/")[0] ?? "";
    this.#watches.get(plural)?.lines([JSON.stringify({ type, object })]);
  }
}

function versionOf({ metadata }: JsonObject): unknown {
  return isJsonObject(metadata) ? metadata["resourceVersion"] : undefined;
}

function answer(status: number, body: unknown): Promise<HttpAnswer> {
  return Promise.resolve({ status, body: JSON.stringify(body) });
}
