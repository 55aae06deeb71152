/** A record store with objects written as briefly as a test wants them. */
import { expect } from "vitest";

import { collectionOf } from "../../../relay/source/convert/converters.ts";
import { RecordStore } from "../../../relay/source/record-store.ts";
import { Recorder } from "./recorder.ts";

export class World {
  readonly seen = new Recorder();
  readonly #store = new RecordStore(this.seen);

  put(
    kind: string,
    name: string,
    fields: object = {},
    apiVersion = "crd.projectcalico.org/v1",
  ): void {
    const isCore = ["Pod", "Node", "Namespace", "ServiceAccount"].includes(kind);
    const version = isCore ? "v1" : apiVersion;
    const collection = collectionOf(version, kind);
    if (collection === undefined) throw new Error(`no collection of ${kind}`);
    const namespace = collection.isNamespaced ? { namespace: "shop" } : {};
    const { metadata, ...rest } = fields as { metadata?: object };
    const object = {
      apiVersion: version,
      kind,
      metadata: { name, ...namespace, ...metadata },
      ...rest,
    };
    this.seen.apply(this.#store.upsert(collection, object).changes);
  }

  remove(id: string): void {
    this.seen.apply(this.#store.remove(id, "observed"));
  }

  get only(): unknown {
    expect(this.seen.records.size).toBe(1);
    return [...this.seen.records.values()][0];
  }
}

/** The fields of a pod that is an endpoint. */
export const running = {
  spec: { nodeName: "node-a" },
  status: { podIPs: [{ ip: "10.0.0.1" }] },
};
