/** What the other side gives. */
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

import { remoteRbac } from "../../../cli/commands/rbac.ts";
import { COLLECTIONS } from "../../../relay/source/convert/converters.ts";

test("[DIR12] the ClusterRole lets a relay read every collection in both groups, and do nothing else", () => {
  const documents = parseAllDocuments(remoteRbac({ namespace: "ns", name: "r" }));
  const objects = documents.map((document) => document.toJS() as Record<string, unknown>);
  expect(objects.map(({ kind }) => kind)).toEqual([
    "ServiceAccount",
    "Secret",
    "ClusterRole",
    "ClusterRoleBinding",
  ]);
  const rules = objects[2]?.["rules"] as {
    apiGroups: string[];
    resources: string[];
    verbs: string[];
  }[];
  const [own, ...followed] = [rules[1], rules[0], ...rules.slice(2)];
  expect(own).toEqual({
    apiGroups: [""],
    resources: ["services"],
    resourceNames: ["kubernetes"],
    verbs: ["get"],
  });
  expect(followed.flatMap((rule) => rule?.resources ?? []).toSorted()).toEqual(
    COLLECTIONS.map(({ plural }) => plural).toSorted(),
  );
  expect(followed[1]?.apiGroups).toEqual(["crd.projectcalico.org", "projectcalico.org"]);
  for (const rule of followed) expect(rule?.verbs).toEqual(["get", "list", "watch"]);
});

test("[DIR18] with --services the role has those collections too, and no other", () => {
  const documents = parseAllDocuments(remoteRbac({ namespace: "ns", name: "r", services: true }));
  const [, , role] = documents.map((document) => document.toJS() as Record<string, unknown>);
  const rules = role?.["rules"] as { apiGroups: string[]; resources: string[] }[];
  expect(rules[0]?.resources).toContain("services");
  expect(rules.slice(2)).toEqual([
    {
      apiGroups: ["discovery.k8s.io"],
      resources: ["endpointslices"],
      verbs: ["get", "list", "watch"],
    },
    {
      apiGroups: ["multicluster.x-k8s.io"],
      resources: ["serviceexports"],
      verbs: ["get", "list", "watch"],
    },
  ]);
});
