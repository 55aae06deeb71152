/** Names that Kubernetes, Calico Enterprise and Catwalk give to what federated Services need. */

/** Calico Enterprise's: selects the Services that fill this one, by their labels. */
export const SELECTOR_ANNOTATION = "federation.tigera.io/serviceSelector";
/** A label that Services of other clusters have inside that selector: the RCC's name. */
export const REMOTE_LABEL = "federation.tigera.io/remoteClusterName";
export const AFFINITY_ANNOTATION = "services.catwalk.dev/affinity";
export const LOST_AFTER_ANNOTATION = "services.catwalk.dev/lost-after";

export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
/** Slices of ours; what they hold comes from elsewhere, and is never published. */
export const OUR_MANAGER = "services.catwalk.dev";
export const SERVICE_NAME = "kubernetes.io/service-name";
export const SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster";
export const MULTICLUSTER_SERVICE = "multicluster.kubernetes.io/service-name";
/** On a ServiceImport: the Service that Kubernetes routes by. */
export const DERIVED_SERVICE = "multicluster.kubernetes.io/derived-service";
/** With `OUR_MANAGER`: ServiceImports and Services that a writer of ours has made. */
export const APP_MANAGED_BY = "app.kubernetes.io/managed-by";
export const HEADLESS = "service.kubernetes.io/headless";
/** What kube-proxy's histogram of programming latency is computed from. */
export const CHANGE_TIME = "endpoints.kubernetes.io/last-change-trigger-time";
export const SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror";
