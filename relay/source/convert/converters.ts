/** Which converter reads which object; the same for an API server and for files. */
import { convertClusterInformation, convertFelixConfiguration } from "./cluster-config.ts";
import type { Converter, Expander } from "./conversion.ts";
import { convertHostEndpoint } from "./host-endpoint.ts";
import { convertIPAMBlock } from "./ipam-block.ts";
import { convertIPPool } from "./ip-pool.ts";
import { convertNode } from "./node.ts";
import { convertPod } from "./pod.ts";
import { convertSlice } from "./endpoint-slice.ts";
import { convertService } from "./service.ts";
import { convertServiceExport } from "./service-export.ts";
import { isMcsVersion } from "../../kube/mcs-group.ts";
import { convertNamespace, convertServiceAccount } from "./profile.ts";

export const CALICO_GROUPS = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;
/**
 * Calico's two groups: the classic one, and the one where its API is served by custom resources
 * directly.
 */
export type CalicoGroup = (typeof CALICO_GROUPS)[number];

export interface Collection {
  readonly kind: string;
  readonly plural: string;
  /**
   * `core` objects are in `v1`, `calico` ones in the one chosen Calico group, `mcs` ones in a
   * version of the standard's that is served.
   */
  readonly group: "core" | "calico" | "mcs" | "discovery.k8s.io/v1";
  /** An account without the right to read it has none of it, and all else goes on. */
  readonly isOptional?: true;
  readonly isNamespaced: boolean;
  /** Of an object that gives several records it gives none. */
  readonly convert: Converter;
  readonly expand?: Expander;
}

/** Everything that a source follows. */
export const COLLECTIONS: readonly Collection[] = [
  { kind: "Pod", plural: "pods", group: "core", isNamespaced: true, convert: convertPod },
  {
    kind: "Namespace",
    plural: "namespaces",
    group: "core",
    isNamespaced: false,
    convert: convertNamespace,
  },
  {
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    group: "core",
    isNamespaced: true,
    convert: convertServiceAccount,
  },
  { kind: "Node", plural: "nodes", group: "core", isNamespaced: false, convert: convertNode },
  {
    kind: "HostEndpoint",
    plural: "hostendpoints",
    group: "calico",
    isNamespaced: false,
    convert: convertHostEndpoint,
  },
  {
    kind: "IPPool",
    plural: "ippools",
    group: "calico",
    isNamespaced: false,
    convert: convertIPPool,
  },
  {
    kind: "IPAMBlock",
    plural: "ipamblocks",
    group: "calico",
    isNamespaced: false,
    convert: convertIPAMBlock,
  },
  {
    kind: "FelixConfiguration",
    plural: "felixconfigurations",
    group: "calico",
    isNamespaced: false,
    convert: convertFelixConfiguration,
  },
  {
    kind: "ClusterInformation",
    plural: "clusterinformations",
    group: "calico",
    isNamespaced: false,
    convert: convertClusterInformation,
  },
];

/** What is followed where Services are asked for. [SVC3] */
export const SERVICE_COLLECTIONS: readonly Collection[] = [
  {
    kind: "Service",
    plural: "services",
    group: "core",
    isNamespaced: true,
    convert: convertService,
  },
  {
    kind: "EndpointSlice",
    plural: "endpointslices",
    group: "discovery.k8s.io/v1",
    isNamespaced: true,
    convert: () => null,
    expand: convertSlice,
  },
  {
    kind: "ServiceExport",
    plural: "serviceexports",
    group: "mcs",
    isNamespaced: true,
    isOptional: true,
    convert: convertServiceExport,
  },
];

export function isCalicoGroup(apiVersion: string): apiVersion is CalicoGroup {
  return (CALICO_GROUPS as readonly string[]).includes(apiVersion);
}

/** The collection that an object belongs to, or `undefined` for a kind that is not followed. */
export function collectionOf(apiVersion: string, kind: string): Collection | undefined {
  return [...COLLECTIONS, ...SERVICE_COLLECTIONS].find(
    ({ kind: known, group }) => known === kind && isOfGroup(group, apiVersion),
  );
}

function isOfGroup(group: Collection["group"], apiVersion: string): boolean {
  if (group === "core") return apiVersion === "v1";
  if (group === "mcs") return isMcsVersion(apiVersion);
  return group === "calico" ? isCalicoGroup(apiVersion) : apiVersion === group;
}
