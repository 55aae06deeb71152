/** Requests to the API server for one Service, and what their answers mean. */
import { errorText } from "../../shared/lib/error-text.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { isJsonObject } from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { SKIP_MIRROR } from "../kube/service-labels.ts";
import type { KubeWriter, Transport, WriteMethod } from "../kube/transport.ts";
import { describeFailure } from "../kube/watch-event.ts";
import type { ServiceName } from "./federated-service.ts";
import { readOwnSlice } from "./own-slice.ts";
import type { OwnSlice } from "./own-slice.ts";
import type { SliceWrite } from "./plan-writes.ts";

export type KubeApi = Pick<Transport, "get"> & KubeWriter;

export type WriteOutcome =
  /** The slice is so now; `null`: it is gone. */
  | { readonly kind: "written"; readonly slice: OwnSlice | null }
  /** Another version is there: it was read, and the next turn begins from it. */
  | { readonly kind: "stale"; readonly slice: OwnSlice | null }
  | { readonly kind: "failed"; readonly message: string; readonly retryAfterSeconds: number };

const REQUEST_MS = 30_000;

export class SliceApi {
  readonly #api: KubeApi;
  readonly #stopping: AbortSignal;

  constructor(api: KubeApi, stopping: AbortSignal) {
    this.#api = api;
    this.#stopping = stopping;
  }

  async write(namespace: string, write: SliceWrite): Promise<WriteOutcome> {
    const name = write.op === "delete" ? write.before.name : write.slice.name;
    try {
      const { status, body, retryAfterSeconds } = await this.#send(namespace, name, write);
      if (status === 200 || status === 201)
        return { kind: "written", slice: write.op === "delete" ? null : sliceOf(body) };
      if (status === 409 || (status === 404 && write.op !== "create"))
        return await this.#read(namespace, name, write);
      return { kind: "failed", message: describeFailure(status, body), retryAfterSeconds };
    } catch (error) {
      return { kind: "failed", message: errorText(error), retryAfterSeconds: 0 };
    }
  }

  /**
   * Endpoints of the Service's name that Kubernetes would mirror into slices beside ours, as
   * Calico Enterprise leaves them. [SVC26]
   */
  async hasForeignEndpoints({ namespace, name }: ServiceName): Promise<boolean> {
    const path = `/api/v1/namespaces/${namespace}/endpoints/${name}`;
    const { status, body } = await this.#api.get(path, this.#signal());
    if (status === 404) return false;
    if (status !== 200) throw new Error(`GET ${path}: ${describeFailure(status, body)}`);
    const endpoints = objectOf(body);
    const metadata = isJsonObject(endpoints["metadata"]) ? endpoints["metadata"] : {};
    const labels = isJsonObject(metadata["labels"]) ? metadata["labels"] : {};
    const { subsets } = endpoints;
    return labels[SKIP_MIRROR] !== "true" && Array.isArray(subsets) && subsets.length > 0;
  }

  /** A Warning on the Service; of equal ones the first is enough. */
  async warn(service: ServiceName, reason: string, message: string, wallMs: number): Promise<void> {
    const { namespace, name, uid } = service;
    const at = new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
    const event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { generateName: `${name.slice(0, 50)}-`, namespace },
      involvedObject: { apiVersion: "v1", kind: "Service", namespace, name, uid },
      type: "Warning",
      reason,
      message: message.slice(0, 1_000),
      source: { component: "catwalk-relay" },
      reportingComponent: "catwalk.dev/relay",
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
    const path = `/api/v1/namespaces/${namespace}/events`;
    const { status, body } = await this.#api.send("POST", path, event, this.#signal());
    if (status !== 201) throw new Error(`POST ${path}: ${describeFailure(status, body)}`);
  }

  #send(namespace: string, name: string, write: SliceWrite) {
    const all = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const send = (method: WriteMethod, path: string, body: unknown) =>
      this.#api.send(method, path, body, this.#signal());
    switch (write.op) {
      case "create":
        return send("POST", all, write.slice.object);
      case "replace":
        return send("PUT", `${all}/${name}`, versioned(write.slice.object, write.before));
      case "delete": {
        const { resourceVersion } = write.before;
        return send("DELETE", `${all}/${name}`, { preconditions: { resourceVersion } });
      }
    }
  }

  async #read(namespace: string, name: string, write: SliceWrite): Promise<WriteOutcome> {
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${name}`;
    const { status, body } = await this.#api.get(path, this.#signal());
    if (status === 404) return { kind: "stale", slice: null };
    const failed = { kind: "failed", retryAfterSeconds: 0 } as const;
    if (status !== 200) return { ...failed, message: describeFailure(status, body) };
    const slice = sliceOf(body);
    // Whoever has the name: it is not touched.
    if (slice === null && write.op === "create")
      return { ...failed, message: `EndpointSlice ${namespace}/${name} is there and is not ours` };
    return { kind: "stale", slice };
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#stopping, AbortSignal.timeout(REQUEST_MS)]);
  }
}

function versioned(object: JsonObject, { resourceVersion }: OwnSlice): JsonObject {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  return { ...object, metadata: { ...metadata, resourceVersion } };
}

function objectOf(body: string): JsonObject {
  const parsed = parseJson(body);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : {};
}

function sliceOf(body: string): OwnSlice | null {
  return readOwnSlice(objectOf(body));
}
