/**
 * Which Services are imported into this cluster, from what its own records and those of other
 * clusters tell: those that somebody exports, in namespaces that are here too. [MCS2] [MCS3]
 */
import type { SourceCluster } from "../select-endpoints.ts";
import { derivedName } from "./derived-name.ts";
import { mergeExports } from "./merge-exports.ts";
import type { ExportedService, MergedService } from "./merge-exports.ts";

export interface ImportedName {
  readonly namespace: string;
  readonly name: string;
}

export interface Import {
  readonly merged: MergedService;
  readonly exported: readonly ExportedService[];
}

export class Imports {
  readonly #clusters: () => readonly SourceCluster[];
  /** By `namespace/name` of the derived Service. */
  readonly #names = new Map<string, ImportedName>();

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
    if (name !== null) return this.#update({ namespace, name });
    const names = new Set<string>();
    for (const { table } of this.#clusters())
      for (const { export: exported } of table.backings(namespace))
        if (exported !== null) names.add(exported.name);
    return [...names].flatMap((one) => this.#update({ namespace, name: one }));
  }

  #update(imported: ImportedName): readonly string[] {
    const key = derivedKey(imported);
    const wasThere = this.#names.has(key);
    const isThere = this.exported(imported).length > 0 && this.#hasNamespace(imported.namespace);
    if (isThere) this.#names.set(key, imported);
    else this.#names.delete(key);
    return wasThere || isThere ? [key] : [];
  }

  /** By the clusters that export it. */
  exported({ namespace, name }: ImportedName): readonly ExportedService[] {
    return this.#clusters().flatMap(({ name: cluster, rcc, table }) => {
      const backing = table.backing(namespace, name);
      if (backing === null) return [];
      const { service, export: exported } = backing;
      if (service === null || exported === null || service.federated) return [];
      return [{ cluster, rcc, export: exported, service }];
    });
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

export function derivedKey({ namespace, name }: ImportedName): string {
  return `${namespace}/${derivedName(namespace, name)}`;
}
