/**
 * The federated Services of this cluster: what each is filled with now, from this cluster's and
 * other clusters' records. Says which of them may be filled otherwise; who writes that is
 * `slice-writer.ts`, and nobody does where there is no API server. [SVC10]
 */
import type { CalicoRecord, Service } from "../../shared/record/record.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { desiredSlices } from "./endpoint-slices.ts";
import type { DesiredSlice, HeldSlice } from "./endpoint-slices.ts";
import { readFederated, serviceKey } from "./federated-service.ts";
import type { ReadService } from "./federated-service.ts";
import { importedService, selectImported } from "./mcs/imported-service.ts";
import { isDerived } from "./mcs/derived-name.ts";
import { derivedKey, Imports } from "./mcs/imports.ts";
import { isSelected, selectEndpoints } from "./select-endpoints.ts";
import type { Selection, SourceCluster } from "./select-endpoints.ts";
import { ServiceTable } from "./service-table.ts";
import type { Touched } from "./service-table.ts";

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
  /** No cluster whose Services may be seen is so. */
  areAllTold(): boolean;
  /**
   * Uid of an import's derived Service; `null`: it is not there yet; empty: nobody makes it here.
   * [MCS6]
   */
  derivedUid(key: string): string | null;
}

/** What becomes of a Service. */
export type Filling =
  | {
      readonly kind: "filled";
      readonly read: Extract<ReadService, { kind: "federated" }>;
      readonly selections: readonly Selection[];
      readonly slices: readonly DesiredSlice[];
      /** A cluster that has not told all yet is missing: no other comes. [MCS7] */
      readonly isPartial: boolean;
    }
  | { readonly kind: "refused"; readonly read: Extract<ReadService, { kind: "refused" }> }
  /** What it is to be is not known yet, or not all is there that it needs: nothing is written. */
  | { readonly kind: "waiting" }
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
  readonly imports = new Imports(() => this.#clusters());
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
    const touched = new Map<string, Touched>();
    for (const { op, record } of changes) {
      const one = table.apply(op, record);
      if (one === null) continue;
      const id = `${one.namespace}/${one.name ?? ""}`;
      const isOfEndpoints = one.isOfEndpoints && touched.get(id)?.isOfEndpoints !== false;
      touched.set(id, { ...one, isOfEndpoints });
    }
    if (touched.size > 0) this.#tell([...this.#affected(rcc, table, [...touched.values()])]);
  }

  /** Something about these has become known elsewhere. */
  touch(keys: readonly string[]): void {
    this.#tell(keys);
  }

  #affected(
    rcc: string | null,
    table: ServiceTable,
    touched: readonly Touched[],
  ): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const { namespace, name, isOfEndpoints } of touched) {
      for (const key of this.imports.onTouched(namespace, name)) keys.add(key);
      const backing = name === null ? null : table.backing(namespace, name);
      for (const [key, read] of this.#read) {
        if (namespaceOf(key) !== namespace || keys.has(key)) continue;
        const isSame = isOfEndpoints && read.kind === "federated";
        if (!isSame || (backing !== null && isSelected(read.service, rcc, backing))) keys.add(key);
      }
    }
    return keys;
  }

  /** Services that ask to be filled, and those that imports are routed by. */
  keys(): readonly string[] {
    return [...this.#read.keys(), ...this.imports.keys()];
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
    if (read === undefined) return this.#fillingOfImport(key, held);
    if (read.kind === "refused") return { kind: "refused", read };
    // A name server takes slices of an import's name for the import's.
    const isImported = this.imports.nameOf(derivedKey(read.service)) !== null;
    const service = isImported ? { ...read.service, exportedName: "" } : read.service;
    const selections = selectEndpoints(service, this.#clusters(), this.#ports.now());
    const slices = desiredSlices(service, selections, held);
    return { kind: "filled", read, selections, slices, isPartial: false };
  }

  #fillingOfImport(key: string, held: readonly HeldSlice[]): Filling {
    const imported = this.imports.of(key);
    if (imported === null)
      return isDerived(key) && held.some(({ cluster }) => this.staysImported(cluster, key))
        ? { kind: "waiting" }
        : { kind: "none" };
    const uid = this.#ports.derivedUid(key);
    if (uid === null) return { kind: "waiting" };
    const service = importedService(imported.merged, uid);
    // Whoever has not told all may decide whose ports count.
    const staying = this.#ports.areAllTold() ? [] : held;
    const selections = selectImported(service, imported, this.#clusters(), staying);
    const slices = desiredSlices(service, selections, held);
    const { clusters } = imported.merged;
    const isPartial = held.some(
      ({ cluster }) => !clusters.includes(cluster) && this.staysImported(cluster, key),
    );
    return { kind: "filled", read: { kind: "federated", service }, selections, slices, isPartial };
  }

  /** A Service of this cluster; `null`: there is none that could be exported. */
  localService(namespace: string, name: string): Service | null {
    return this.#local.backing(namespace, name)?.service ?? null;
  }

  /** Whether slices of a cluster stay although it does not name them. [SVC24] */
  isIncomplete(cluster: string): boolean {
    return this.#ports.isIncomplete(cluster);
  }

  /** Whether a cluster may export an import that it does not name. [MCS7] [MCS11] */
  staysImported(cluster: string, key: string): boolean {
    return this.isIncomplete(cluster) && !this.imports.isOver(cluster, key);
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
