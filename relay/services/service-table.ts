/**
 * The Services and endpoints of one cluster, by namespace, as its records tell them: local records
 * of this cluster, served ones of a remote.
 */
import type { CalicoRecord, Service, ServiceEndpoint } from "../../shared/record/record.ts";

/** One Service with what is known of it: its own record may come after its endpoints. */
export interface Backing {
  service: Service | null;
  readonly endpoints: Map<string, ServiceEndpoint>;
  /** Unix ms on the cluster's clock; 0: not told. */
  changedMs: number;
}

export class ServiceTable {
  readonly #namespaces = new Map<string, Map<string, Backing>>();
  /** Node of a pod, of a table that keeps them. */
  readonly #nodes: Map<string, string> | null;

  /** @param keepsNodes Of this cluster: its endpoints have the names of their nodes. */
  constructor(keepsNodes: boolean) {
    this.#nodes = keepsNodes ? new Map() : null;
  }

  /** @returns The namespace whose Services may be filled otherwise now; `null`: none. */
  apply(op: "put" | "delete", record: CalicoRecord): string | null {
    switch (record.kind) {
      case "Service": {
        const { namespace, name } = record;
        this.#at(namespace, name).service = op === "put" ? record : null;
        return this.#tidied(namespace, name);
      }
      case "ServiceEndpoint": {
        const { namespace, service, ip } = record;
        const { endpoints } = this.#at(namespace, service);
        if (op === "put") endpoints.set(ip, record);
        else endpoints.delete(ip);
        return this.#tidied(namespace, service);
      }
      case "ServiceChange": {
        const { namespace, service, atMs } = record;
        this.#at(namespace, service).changedMs = op === "put" ? atMs : 0;
        // A time alone is no change.
        this.#tidied(namespace, service);
        return null;
      }
      case "WorkloadEndpoint": {
        const pod = `${record.namespace}/${record.name}`;
        if (op === "put") this.#nodes?.set(pod, record.node);
        else this.#nodes?.delete(pod);
        return null;
      }
      case "HostEndpoint":
      case "Profile":
      case "IPPool":
      case "Node":
      case "IPAMBlock":
      case "ClusterConfig":
        return null;
    }
  }

  backings(namespace: string): Iterable<Backing> {
    return this.#namespaces.get(namespace)?.values() ?? [];
  }

  /** Node of a pod; empty: not known, or not kept. */
  nodeOf(namespace: string, pod: string): string {
    return this.#nodes?.get(`${namespace}/${pod}`) ?? "";
  }

  namespaces(): Iterable<string> {
    return this.#namespaces.keys();
  }

  #at(namespace: string, name: string): Backing {
    const names = this.#namespaces.get(namespace) ?? new Map<string, Backing>();
    this.#namespaces.set(namespace, names);
    const known = names.get(name) ?? { service: null, endpoints: new Map(), changedMs: 0 };
    names.set(name, known);
    return known;
  }

  #tidied(namespace: string, name: string): string {
    const names = this.#namespaces.get(namespace);
    const backing = names?.get(name);
    const isEmpty = backing?.service === null && backing.endpoints.size === 0;
    if (isEmpty && backing.changedMs === 0) names?.delete(name);
    if (names?.size === 0) this.#namespaces.delete(namespace);
    return namespace;
  }
}
