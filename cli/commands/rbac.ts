/**
 * `catwalk rbac remote`: what a cluster gives to the relay of another one that reads its API server
 * directly. [DIR12]
 */
import { stringify } from "yaml";

import {
  CALICO_GROUPS,
  COLLECTIONS,
  SERVICE_COLLECTIONS,
} from "../../relay/source/convert/converters.ts";
import type { Collection } from "../../relay/source/convert/converters.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { print } from "../admin/terminal.ts";
import { UsageError } from "../admin/usage-error.ts";

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const registerRbac: RegisterCommand = (program) => {
  const rbac = program.command("rbac").description("rights in a cluster, as YAML for kubectl");
  withExample(rbac, "catwalk rbac remote | kubectl apply -f -");
  withExample(
    rbac
      .command("remote")
      .description("account and ClusterRole for another cluster's relay that reads this one")
      .option("--namespace <name>", "of the account", "kube-system")
      .option("--name <name>", "of all of them", "catwalk-remote")
      .option("--services", "its Services too, for RCCs that ask for them"),
    "catwalk rbac remote | kubectl apply -f -",
  ).action((flags: RemoteRbac) => {
    for (const field of ["namespace", "name"] as const)
      if (!NAME.test(flags[field])) throw new UsageError(`--${field}: must be a DNS label`);
    print(remoteRbac(flags));
  });
};

interface RemoteRbac {
  readonly namespace: string;
  readonly name: string;
  readonly services?: boolean;
}

/** All documents, in the order in which they are to be applied. */
export function remoteRbac({ namespace, name, services = false }: RemoteRbac): string {
  const rbac = "rbac.authorization.k8s.io";
  const documents = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/service-account-token",
      metadata: { name, namespace, annotations: { "kubernetes.io/service-account.name": name } },
    },
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name }, rules: rules(services) },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ];
  return documents.map((document) => stringify(document)).join("---\n");
}

const OWN_ADDRESS = {
  apiGroups: [""],
  resources: ["services"],
  resourceNames: ["kubernetes"],
  verbs: ["get"],
};

/** Reading only, and only what is followed. */
function rules(services: boolean) {
  const verbs = ["get", "list", "watch"];
  const followed = services ? [...COLLECTIONS, ...SERVICE_COLLECTIONS] : COLLECTIONS;
  const of = (group: Collection["group"]): string[] =>
    followed.filter((collection) => collection.group === group).map(({ plural }) => plural);
  const calicoGroups = CALICO_GROUPS.map((group) => group.slice(0, group.indexOf("/")));
  return [
    { apiGroups: [""], resources: of("core"), verbs },
    // Its address is the first of its range: by that a cluster knows itself.
    ...(services ? [] : [OWN_ADDRESS]),
    { apiGroups: calicoGroups, resources: of("calico"), verbs },
    ...(services
      ? [
          { apiGroups: ["discovery.k8s.io"], resources: of("discovery.k8s.io/v1"), verbs },
          { apiGroups: ["multicluster.x-k8s.io"], resources: of("mcs"), verbs },
        ]
      : []),
  ];
}
