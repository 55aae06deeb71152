/** Requests to the API server for exports, imports and derived Services, and their answers. */
import { errorText } from "../../../shared/lib/error-text.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";
import { isJsonObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { chooseMcsVersion } from "../../kube/mcs-group.ts";
import type { McsVersion } from "../../kube/mcs-group.ts";
import { describeFailure } from "../../kube/watch-event.ts";
import type { KubeApi } from "../slice-api.ts";
import { metadataOf, textOf } from "../followed-objects.ts";
import { isOurs } from "./import-objects.ts";
import type { ImportStep, ObjectKind } from "./plan-import.ts";
import type { Unexportable } from "./statuses.ts";

export type StepOutcome =
  /** The object is so now; `null`: it is gone. `isRead`: somebody else's version was read. */
  | { readonly kind: "known"; readonly object: JsonObject | null; readonly isRead: boolean }
  | { readonly kind: "failed"; readonly message: string; readonly retryAfterSeconds: number };

const REQUEST_MS = 30_000;
const PLURALS = {
  export: "serviceexports",
  import: "serviceimports",
  derived: "services",
} as const;

export class McsApi {
  readonly #api: KubeApi;
  readonly #stopping: AbortSignal;
  #version: McsVersion | null = null;

  constructor(api: KubeApi, stopping: AbortSignal) {
    this.#api = api;
    this.#stopping = stopping;
  }

  /** Asked once; again after `forget`. @throws Error where the server does not say. */
  async version(): Promise<McsVersion> {
    if (this.#version !== null) return this.#version;
    const { status, body } = await this.#api.get("/apis", this.#signal());
    if (status !== 200) throw new Error(`GET /apis: ${describeFailure(status, body)}`);
    const version = chooseMcsVersion(body);
    if (version === null) throw new Error("GET /apis: the answer is not a list of API groups");
    this.#version = version;
    return version;
  }

  forget(): void {
    this.#version = null;
  }

  async path(kind: ObjectKind): Promise<string> {
    return kind === "derived"
      ? "/api/v1/services"
      : `/apis/${await this.version()}/${PLURALS[kind]}`;
  }

  async do(step: ImportStep): Promise<StepOutcome> {
    const { namespace, name, resourceVersion } = metadataOf(step.object);
    const place = { namespace: textOf(namespace), name: textOf(name) };
    try {
      const all = await this.#pathIn(step.kind, place.namespace);
      const one = `${all}/${place.name}`;
      const { status, body, retryAfterSeconds } = await this.#send(step, all, one, resourceVersion);
      if (status === 200 || status === 201 || (status === 202 && step.op === "delete")) {
        const object = step.op === "delete" ? null : objectOf(body);
        return { kind: "known", object, isRead: false };
      }
      const isRaced = status === 409 || (status === 404 && step.op !== "create");
      if (isRaced) return await this.#read(step, one);
      return { kind: "failed", message: describeFailure(status, body), retryAfterSeconds };
    } catch (error) {
      return { kind: "failed", message: errorText(error), retryAfterSeconds: 0 };
    }
  }

  /** Why a Service that gave no record cannot be exported. */
  async whyNot(namespace: string, name: string): Promise<Unexportable> {
    const path = `${await this.#pathIn("derived", namespace)}/${name}`;
    const { status, body } = await this.#api.get(path, this.#signal());
    if (status === 404) return "NoService";
    if (status !== 200) throw new Error(`GET ${path}: ${describeFailure(status, body)}`);
    const { spec } = objectOf(body);
    // One that is there and can be exported will have its record in a moment.
    return isJsonObject(spec) && spec["type"] === "ExternalName" ? "InvalidServiceType" : null;
  }

  #send(step: ImportStep, all: string, one: string, resourceVersion: unknown) {
    const signal = this.#signal();
    switch (step.op) {
      case "create":
        return this.#api.send("POST", all, step.object, signal);
      case "replace":
        return this.#api.send("PUT", one, step.object, signal);
      case "status":
        return this.#api.send("PUT", `${one}/status`, step.object, signal);
      case "delete":
        return this.#api.send("DELETE", one, { preconditions: { resourceVersion } }, signal);
    }
  }

  async #read(step: ImportStep, path: string): Promise<StepOutcome> {
    const { status, body } = await this.#api.get(path, this.#signal());
    if (status === 404) return { kind: "known", object: null, isRead: true };
    const failed = { kind: "failed", retryAfterSeconds: 0 } as const;
    if (status !== 200) return { ...failed, message: describeFailure(status, body) };
    const object = objectOf(body);
    // Whoever has the name: it is not touched.
    if (step.kind === "derived" && !isOurs(object))
      return { ...failed, message: `${path} is there and is not ours` };
    return { kind: "known", object, isRead: true };
  }

  async #pathIn(kind: ObjectKind, namespace: string): Promise<string> {
    const group = kind === "derived" ? "/api/v1" : `/apis/${await this.version()}`;
    return `${group}/namespaces/${namespace}/${PLURALS[kind]}`;
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#stopping, AbortSignal.timeout(REQUEST_MS)]);
  }
}

function objectOf(body: string): JsonObject {
  const parsed = parseJson(body);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : {};
}
