/**
 * The federated Services of this cluster: what each is filled with now, from this cluster's and
 * other clusters' records. Says which of them may be filled otherwise; who writes that is
 * `slice-writer.ts`, and nobody does where there is no API server. [SVC10]
 */
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { desiredSlices } from "./endpoint-slices.ts";
import type { DesiredSlice, HeldSlice } from "./endpoint-slices.ts";
import { readFederated, serviceKey } from "./federated-service.ts";
import type { ReadService } from "./federated-service.ts";
import { selectEndpoints } from "./select-endpoints.ts";
import type { Selection, SourceCluster } from "./select-endpoints.ts";
import { ServiceTable } from "./service-table.ts";

export interface ServicesPorts {
  /** Monotonic ms. */
  now(): number;
  /** Of this cluster, in labels of slices. */
  clusterName(): string;
  /** Since when a remote is not heard; `null`: it is. */
  lostMs(rcc: string): number | null;
  /**
   * Whether a cluster (its name, or an RCC's) may have more than it has told until now: what it
   * gave before stays.
   */
  isIncomplete(cluster: string): boolean;
}

/** What becomes of a Service. */
export type Filling =
  | {
      readonly kind: "filled";
      readonly read: Extract<ReadService, { kind: "federated" }>;
      readonly selections: readonly Selection[];
      readonly slices: readonly DesiredSlice[];
    }
  | { readonly kind: "refused"; readonly read: Extract<ReadService, { kind: "refused" }> }
  /** There is no such Service, or it does not ask to be filled. */
  | { readonly kind: "none" };

export class Services {
  readonly #ports: ServicesPorts;
  readonly #local = new ServiceTable(true);
  readonly #remotes = new Map<string, ServiceTable>();
  /** By `namespace/name`. */
  readonly #read = new Map<string, ReadService>();
  /** Id of the object → `namespace/name`. */
  readonly #ids = new Map<string, string>();
  readonly #listeners = new Set<(keys: readonly string[]) => void>();

  constructor(ports: ServicesPorts) {
    this.#ports = ports;
  }

  /** Hears which Services may be filled otherwise now; answers how to stop. */
  subscribe(listener: (keys: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A Service that asks to be filled, as the cluster has it; `null`: not any more. */
  onFillable(id: string, object: JsonObject | null): void {
    const before = this.#ids.get(id);
    if (object === null) {
      this.#ids.delete(id);
      if (before === undefined) return;
      this.#read.delete(before);
      this.#tell([before]);
      return;
    }
    const read = readFederated(object);
    const key = serviceKey(read.service);
    this.#ids.set(id, key);
    this.#read.set(key, read);
    this.#tell([key]);
  }

  /** @param rcc `null`: of this cluster. */
  onRecords(
    rcc: string | null,
    changes: Iterable<{ readonly op: "put" | "delete"; readonly record: CalicoRecord }>,
  ): void {
    const table = rcc === null ? this.#local : this.#tableOf(rcc);
    const touched = new Set<string>();
    for (const { op, record } of changes) {
      const namespace = table.apply(op, record);
      if (namespace !== null) touched.add(namespace);
    }
    if (touched.size > 0) this.#tell(this.keys().filter((key) => touched.has(namespaceOf(key))));
  }

  /** Services that ask to be filled. */
  keys(): readonly string[] {
    return [...this.#read.keys()];
  }

  /** Services that change by time alone, where a cluster is lost. */
  timedKeys(): readonly string[] {
    return [...this.#read].flatMap(([key, read]) =>
      read.kind === "federated" && read.service.lostAfterMs !== null ? [key] : [],
    );
  }

  /** @param held Slices of it that are there already. */
  filling(key: string, held: readonly HeldSlice[]): Filling {
    const read = this.#read.get(key);
    if (read === undefined) return { kind: "none" };
    if (read.kind === "refused") return { kind: "refused", read };
    const selections = selectEndpoints(read.service, this.#clusters(), this.#ports.now());
    return {
      kind: "filled",
      read,
      selections,
      slices: desiredSlices(read.service, selections, held),
    };
  }

  /** Whether slices of a cluster stay although it does not name them. [SVC24] */
  isIncomplete(cluster: string): boolean {
    return this.#ports.isIncomplete(cluster);
  }

  #clusters(): readonly SourceCluster[] {
    const local = { rcc: null, name: this.#ports.clusterName(), table: this.#local, lostMs: null };
    const remotes = [...this.#remotes].map(([rcc, table]): SourceCluster => ({
      rcc,
      name: rcc,
      table,
      lostMs: this.#ports.lostMs(rcc),
    }));
    return [local, ...remotes.toSorted((a, b) => (a.name < b.name ? -1 : 1))];
  }

  #tableOf(rcc: string): ServiceTable {
    const table = this.#remotes.get(rcc) ?? new ServiceTable(false);
    this.#remotes.set(rcc, table);
    return table;
  }

  #tell(keys: readonly string[]): void {
    if (keys.length === 0) return;
    for (const listener of this.#listeners) listener(keys);
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
