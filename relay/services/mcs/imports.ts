/**
 * Which Services are imported into this cluster, from what its own records and those of other
 * clusters tell: those that somebody exports, in namespaces that are here too, and of one remote
 * no more than its share. [MCS2] [MCS3] [MCS11]
 */
import type { SourceCluster } from "../select-endpoints.ts";
import type { Backing } from "../service-table.ts";
import { derivedName } from "./derived-name.ts";
import { ImportPlaces } from "./import-places.ts";
import { mergeExports } from "./merge-exports.ts";
import type { ExportedService, MergedService } from "./merge-exports.ts";

/** Imports that one other cluster may have here. [MCS11] */
const IMPORTS_PER_CLUSTER = 1_000;

export interface ImportedName {
  readonly namespace: string;
  readonly name: string;
}

export interface Import {
  readonly merged: MergedService;
  readonly exported: readonly ExportedService[];
}

/** A remote that exports more Services than are imported of one. */
export interface OverBound {
  readonly rcc: string;
  /** Those that could be imported. */
  readonly exported: number;
  readonly imported: number;
}

/** An export that a cluster tells, and that is not imported. */
export interface NotImported extends ImportedName {
  /** As labels of slices name it. */
  readonly cluster: string;
  readonly why: "NoNamespace" | "NoService" | "FederatedService" | "OverBound";
}

export class Imports {
  readonly #clusters: () => readonly SourceCluster[];
  /** What is exported, by `namespace/name` of the derived Service. */
  readonly #exported = new Map<string, ImportedName>();
  /** What of it is imported. */
  readonly #names = new Map<string, ImportedName>();
  /** By RCC. */
  readonly #places = new Map<string, ImportPlaces>();

  constructor(clusters: () => readonly SourceCluster[]) {
    this.#clusters = clusters;
  }

  /** `namespace/name` of derived Services. */
  keys(): readonly string[] {
    return [...this.#names.keys()];
  }

  nameOf(key: string): ImportedName | null {
    return this.#names.get(key) ?? null;
  }

  /**
   * After a Service, an export or a namespace has changed.
   * @param name `null`: any of the namespace.
   * @returns Keys that may have changed.
   */
  onTouched(namespace: string, name: string | null): readonly string[] {
    const names = new Set<string>(name === null ? [] : [name]);
    if (name === null)
      for (const { table } of this.#clusters())
        for (const { export: exported } of table.backings(namespace))
          if (exported !== null) names.add(exported.name);
    const keys = new Set<string>();
    for (const one of names)
      for (const key of this.#update({ namespace, name: one })) keys.add(key);
    return [...keys];
  }

  #update(imported: ImportedName): readonly string[] {
    const clusters = this.#clusters();
    const others = clusters.flatMap((cluster) => this.#place(imported, cluster));
    const isExported = clusters.some((cluster) => this.#exportedBy(cluster, imported) !== null);
    if (isExported) this.#exported.set(derivedKey(imported), imported);
    else this.#exported.delete(derivedKey(imported));
    return [imported, ...others].flatMap((one) => this.#look(one));
  }

  /** @returns Its key, where it is imported or was until now. */
  #look(imported: ImportedName): readonly string[] {
    const key = derivedKey(imported);
    const wasThere = this.#names.has(key);
    const isThere = this.exported(imported).length > 0;
    if (isThere) this.#names.set(key, imported);
    else this.#names.delete(key);
    return wasThere || isThere ? [key] : [];
  }

  /** @returns Others that have a place now, or have lost it. */
  #place(imported: ImportedName, cluster: SourceCluster): readonly ImportedName[] {
    const { rcc } = cluster;
    if (rcc === null) return [];
    const places = this.#places.get(rcc) ?? new ImportPlaces(IMPORTS_PER_CLUSTER);
    this.#places.set(rcc, places);
    const exported = this.#exportedBy(cluster, imported);
    const id = idOf(imported);
    const others =
      exported === null ? places.delete(id) : places.put(id, exported.export.createdMs);
    return others.map((other) => {
      const [namespace = "", name = ""] = other.split("/");
      return { namespace, name };
    });
  }

  /** By the clusters that export it; none where the namespace is not here. */
  exported(imported: ImportedName): readonly ExportedService[] {
    const id = idOf(imported);
    return this.#clusters().flatMap((cluster) => {
      const hasPlace = cluster.rcc === null || this.#places.get(cluster.rcc)?.has(id) === true;
      return hasPlace ? (this.#exportedBy(cluster, imported) ?? []) : [];
    });
  }

  /** Whether a remote exports it and has no place for it. @param key Of the derived Service. */
  isOver(rcc: string, key: string): boolean {
    const imported = this.#exported.get(key);
    return imported !== undefined && this.#places.get(rcc)?.isOver(idOf(imported)) === true;
  }

  overBound(): readonly OverBound[] {
    return [...this.#places].flatMap(([rcc, { size }]) =>
      size > IMPORTS_PER_CLUSTER ? [{ rcc, exported: size, imported: IMPORTS_PER_CLUSTER }] : [],
    );
  }

  /** Of other clusters: this one's exports have conditions. */
  notImported(): readonly NotImported[] {
    return this.#clusters().flatMap(({ rcc, name: cluster, table }) =>
      rcc === null
        ? []
        : [...table.exports()].flatMap((backing): readonly NotImported[] => {
            const why = this.#whyNot(rcc, backing);
            const { export: exported } = backing;
            if (why === null || exported === null) return [];
            const { namespace, name } = exported;
            return [{ cluster, namespace, name, why }];
          }),
    );
  }

  #whyNot(rcc: string, { service, export: exported }: Backing): NotImported["why"] | null {
    if (exported === null) return null;
    if (!this.#hasNamespace(exported.namespace)) return "NoNamespace";
    if (service === null) return "NoService";
    if (service.federated) return "FederatedService";
    return this.#places.get(rcc)?.isOver(idOf(exported)) === true ? "OverBound" : null;
  }

  #exportedBy(
    { name: cluster, rcc, table }: SourceCluster,
    { namespace, name }: ImportedName,
  ): ExportedService | null {
    const backing = this.#hasNamespace(namespace) ? table.backing(namespace, name) : null;
    if (backing === null) return null;
    const { service, export: exported } = backing;
    if (service === null || exported === null || service.federated) return null;
    return { cluster, rcc, export: exported, service };
  }

  /** What a derived Service is of; `null`: nobody exports it, or the namespace is not here. */
  of(key: string): Import | null {
    const imported = this.#names.get(key);
    if (imported === undefined) return null;
    const exported = this.exported(imported);
    const merged = mergeExports(exported);
    return merged === null ? null : { merged, exported };
  }

  #hasNamespace(namespace: string): boolean {
    return this.#clusters().some(({ rcc, table }) => rcc === null && table.hasNamespace(namespace));
  }
}

function idOf({ namespace, name }: ImportedName): string {
  return `${namespace}/${name}`;
}

export function derivedKey({ namespace, name }: ImportedName): string {
  return `${namespace}/${derivedName(namespace, name)}`;
}
