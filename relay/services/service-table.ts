/**
 * The Services and endpoints of one cluster, by namespace, as its records tell them: local records
 * of this cluster, served ones of a remote.
 */
import type {
  CalicoRecord,
  Service,
  ServiceEndpoint,
  ServiceExport,
} from "../../shared/record/record.ts";

/** One Service with what is known of it: its own record may come after its endpoints. */
export interface Backing {
  service: Service | null;
  /** The cluster offers it to all that see it. */
  export: ServiceExport | null;
  readonly endpoints: Map<string, ServiceEndpoint>;
  /** Unix ms on the cluster's clock; 0: not told. */
  changedMs: number;
}

const NAMESPACE_PROFILE = "kns.";

/** What may be filled otherwise after a change. */
export interface Touched {
  readonly namespace: string;
  /** `null`: all of the namespace. */
  readonly name: string | null;
  /** Endpoints alone: what is filled from the Service is filled from it still. */
  readonly isOfEndpoints: boolean;
}

export class ServiceTable {
  readonly #namespaces = new Map<string, Map<string, Backing>>();
  /** Namespaces that there are, of a table that keeps nodes. */
  readonly #known = new Set<string>();
  /** Node of a pod, of a table that keeps them. */
  readonly #nodes: Map<string, string> | null;

  /** @param keepsNodes Of this cluster: its endpoints have the names of their nodes. */
  constructor(keepsNodes: boolean) {
    this.#nodes = keepsNodes ? new Map() : null;
  }

  /** @returns `null`: nothing is filled otherwise. */
  apply(op: "put" | "delete", record: CalicoRecord): Touched | null {
    switch (record.kind) {
      case "Service":
      case "ServiceExport": {
        const { namespace, name } = record;
        const backing = this.#at(namespace, name);
        if (record.kind === "Service") backing.service = op === "put" ? record : null;
        else backing.export = op === "put" ? record : null;
        this.#tidy(namespace, name);
        return { namespace, name, isOfEndpoints: false };
      }
      case "ServiceEndpoint": {
        const { namespace, service, ip } = record;
        const { endpoints } = this.#at(namespace, service);
        if (op === "put") endpoints.set(ip, record);
        else endpoints.delete(ip);
        this.#tidy(namespace, service);
        return { namespace, name: service, isOfEndpoints: true };
      }
      case "ServiceChange": {
        const { namespace, service, atMs } = record;
        this.#at(namespace, service).changedMs = op === "put" ? atMs : 0;
        // A time alone is no change.
        this.#tidy(namespace, service);
        return null;
      }
      case "WorkloadEndpoint": {
        const pod = `${record.namespace}/${record.name}`;
        if (op === "put") this.#nodes?.set(pod, record.node);
        else this.#nodes?.delete(pod);
        return null;
      }
      case "Profile":
        return this.#applyProfile(op, record.name);
      case "HostEndpoint":
      case "IPPool":
      case "Node":
      case "IPAMBlock":
      case "ClusterConfig":
        return null;
    }
  }

  /** A namespace is a profile, as Calico has it. */
  #applyProfile(op: "put" | "delete", name: string): Touched | null {
    if (this.#nodes === null || !name.startsWith(NAMESPACE_PROFILE)) return null;
    const namespace = name.slice(NAMESPACE_PROFILE.length);
    const isNew = this.#known.has(namespace) !== (op === "put");
    if (op === "put") this.#known.add(namespace);
    else this.#known.delete(namespace);
    return isNew ? { namespace, name: null, isOfEndpoints: false } : null;
  }

  /** Of a table that keeps nodes. */
  hasNamespace(namespace: string): boolean {
    return this.#known.has(namespace);
  }

  backing(namespace: string, name: string): Backing | null {
    return this.#namespaces.get(namespace)?.get(name) ?? null;
  }

  backings(namespace: string): Iterable<Backing> {
    return this.#namespaces.get(namespace)?.values() ?? [];
  }

  /** Those that their cluster offers to all. */
  *exports(): Generator<Backing> {
    for (const names of this.#namespaces.values())
      for (const backing of names.values()) if (backing.export !== null) yield backing;
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
    const known = names.get(name) ?? {
      service: null,
      export: null,
      endpoints: new Map(),
      changedMs: 0,
    };
    names.set(name, known);
    return known;
  }

  #tidy(namespace: string, name: string): void {
    const names = this.#namespaces.get(namespace);
    const backing = names?.get(name);
    const isEmpty =
      backing?.service === null && backing.export === null && backing.endpoints.size === 0;
    if (isEmpty && backing.changedMs === 0) names?.delete(name);
    if (names?.size === 0) this.#namespaces.delete(namespace);
  }
}
