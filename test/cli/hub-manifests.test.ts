/** The manifests of `deploy/hub/kubernetes` say what the program and its image understand. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "deploy/hub/kubernetes");

interface Pod {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string }[];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly command: readonly string[];
  readonly securityContext: object;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: { readonly httpGet: { readonly port: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly template: { readonly spec: Pod };
    readonly jobTemplate: { readonly spec: { readonly template: { readonly spec: Pod } } };
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[];
    readonly ports: readonly { readonly targetPort: string }[];
  };
}

const files = readdirSync(FOLDER).filter((name) => name !== "kustomization.yaml");
const all = files.flatMap((name) =>
  parseAllDocuments(readFileSync(join(FOLDER, name), "utf8")).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  }),
);

function only(kind: string): Manifest {
  const [found, ...more] = all.filter((manifest) => manifest.kind === kind);
  expect(more).toEqual([]);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

const hub = only("StatefulSet").spec;
const backup = only("CronJob").spec.jobTemplate.spec.template.spec;

test("[DEP10] the kustomization names every file, and all is in one namespace", () => {
  const listed = readFileSync(join(FOLDER, "kustomization.yaml"), "utf8");
  expect([...listed.matchAll(/- (\S+\.yaml)/g)].map(([, name = ""]) => name).toSorted()).toEqual(
    files.toSorted(),
  );
  const namespaces = all.map(({ metadata }) => metadata.namespace ?? metadata.name);
  expect(new Set(namespaces)).toEqual(new Set(["catwalk-hub"]));
});

test("[DEP10] every option of the hub is one, and each path that it is given is a volume of its pod", () => {
  const [container] = hub.template.spec.containers;
  const help = spawnSync(process.execPath, [join(ROOT, "cli/main.ts"), "hub", "--help"], {
    encoding: "utf8",
  });
  expect(container.args[0]).toBe("hub");
  for (const arg of container.args.slice(1)) {
    const [, flag = "", value = ""] = /^(--[a-z-]+)=(.+)$/.exec(arg) ?? [];
    expect(help.stdout).toContain(`${flag} <`);
    if (value.startsWith("/"))
      expect(
        container.volumeMounts.some(({ mountPath }) => value.startsWith(`${mountPath}/`)),
      ).toBe(true);
  }
  const [port] = container.ports;
  expect(container.args).toContain(`--listen=0.0.0.0:${port?.containerPort}`);
  expect([container.startupProbe.httpGet.port, only("Service").spec.ports[0]?.targetPort]).toEqual([
    port?.name,
    port?.name,
  ]);
  const volumes = [
    ...hub.template.spec.volumes,
    ...hub.volumeClaimTemplates.map(({ metadata }) => metadata),
  ];
  expect(container.volumeMounts.map(({ name }) => name).toSorted()).toEqual(
    volumes.map(({ name }) => name).toSorted(),
  );
});

test("[DEP10] hub and backup run as no root, on a root that is read-only, as the one that owns the disk", () => {
  for (const pod of [hub.template.spec, backup]) {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  }
  expect(readFileSync(join(ROOT, "deploy/hub/Dockerfile"), "utf8")).toContain("USER 1000:1000");
});

test("[DEP10] the backup is of the hub's folder, on the hub's disk", () => {
  const data = hub.template.spec.containers[0].args.find((arg) => arg.startsWith("--data="));
  expect(backup.containers[0].command.at(-1)).toContain(data?.replace("=", " "));
  expect(backup.volumes).toContainEqual({
    name: "data",
    persistentVolumeClaim: { claimName: "data-catwalk-hub-0" },
  });
});
