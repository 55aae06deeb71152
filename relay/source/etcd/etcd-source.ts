/** A cluster whose datastore is etcd. */
import type { ClusterPolicies, Source, SourceSink } from "../source.ts";
import type { EtcdAccess } from "./etcd-access.ts";

export class EtcdSource implements Source {
  constructor(_options: { readonly access: () => Promise<EtcdAccess> }) {}
  start(_sink: SourceSink): void {}
  stop(): Promise<void> {
    return Promise.resolve();
  }
  health() {
    return { collections: [] };
  }
  policies(): Promise<ClusterPolicies> {
    return Promise.resolve({ items: [], unread: [] });
  }
}
