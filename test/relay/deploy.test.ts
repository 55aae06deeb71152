/**
 * The manifests of `deploy/relay` say what the program understands: its options, ports, paths,
 * rights. That an API server takes them is shown in test/interop.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, matchesGlob } from "node:path";

import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";

import { environmentName, readConfig, relayConfigSchema } from "../../relay/config/relay-config.ts";
import { KEY_FILE, MEMBERSHIP_FILE } from "../../relay/hub/identity.ts";
import { peerAddresses, PEERS_PORT_NAME } from "../../relay/peers/find-peers.ts";
import { parseExportPolicy } from "../../relay/publish/export-policy.ts";
import { COLLECTIONS } from "../../relay/source/convert/converters.ts";
import { PORT_NAME, typhaAddresses } from "../../relay/kube/endpoint-slices.ts";
import { isReservedLabel } from "../../shared/record/label-domain.ts";
import { specSchema } from "../../shared/visibility/rcc-connection.ts";
import { SCOPE_KINDS, scopeSchema } from "../../shared/visibility/scope.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "deploy/relay");

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly data?: Readonly<Record<string, string>>;
}

function manifests(folder: string): Manifest[] {
  return readdirSync(join(FOLDER, folder))
    .filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml")
    .flatMap((name) =>
      parseAllDocuments(readFileSync(join(FOLDER, folder, name), "utf8")).map((document) => {
        expect(document.errors).toEqual([]);
        return document.toJS() as Manifest;
      }),
    );
}

function only<T>(folder: string, kind: string): T {
  const found = manifests(folder).filter((manifest) => manifest.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as T;
}

interface DaemonSet {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly hostNetwork: boolean;
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [Container & Readonly<Record<string, unknown>>];
        readonly volumes: readonly Readonly<Record<string, Record<string, string> | string>>[];
      };
    };
  };
}

const { spec: pod } = only<DaemonSet>("base", "DaemonSet").spec.template;
const [container] = pod.containers;

/** `--typha-listen=…` → [`typhaListen`, `…`]. */
const flags = Object.fromEntries(
  container.args.slice(1).map((arg) => {
    const [, name = "", value = ""] = /^--([a-z-]+)=(.+)$/.exec(arg) ?? [];
    return [name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), value];
  }),
);

test("[DEP1] every option that the manifests give is one of the relay's, and together they are a configuration", () => {
  const settings = only<Manifest>("base", "ConfigMap").data ?? {};
  const names = [...Object.keys(settings), ...container.env.map(({ name }) => name)];
  const known = Object.keys(relayConfigSchema.shape);
  expect(container.args[0]).toBe("relay");
  for (const flag of Object.keys(flags)) expect(known).toContain(flag);
  for (const name of names) expect(known.map(environmentName)).toContain(name);
  const read = readConfig(flags, { ...settings, CATWALK_NODE_NAME: "n" }, null);
  expect(read).toMatchObject({ ok: true, config: { source: "typha", nodeName: "n" } });
  const patched = readFileSync(join(FOLDER, "source-kubernetes/kustomization.yaml"), "utf8");
  expect(patched).toContain(`containers/0/args/${container.args.indexOf("--source=typha")}`);
  expect(readConfig({ ...flags, source: "kubernetes" }, settings, null).ok).toBe(true);
});

test("[DEP2] Felix and the relays find the relays by the service: ports by their names, where the program listens", () => {
  const service = only<{
    readonly metadata: Manifest["metadata"];
    readonly spec: {
      readonly ports: readonly {
        readonly name: string;
        readonly port: number;
        readonly targetPort: string;
      }[];
    };
  }>("base", "Service");
  expect(flags["peersService"]).toBe(`${service.metadata.namespace}/${service.metadata.name}`);
  expect(service.spec.ports.map(({ name }) => name)).toEqual([PORT_NAME, PEERS_PORT_NAME]);
  // As Kubernetes makes them of the service and its pods.
  const ports = service.spec.ports.map(({ name, targetPort }) => ({
    name,
    protocol: "TCP",
    port: container.ports.find((port) => port.name === targetPort)?.containerPort,
  }));
  const slice = { ports, endpoints: [{ addresses: ["10.0.0.1"], nodeName: "n1" }] };
  expect(typhaAddresses([slice], "n1", Math.random)).toEqual(["10.0.0.1:5474"]);
  expect(peerAddresses([slice], Math.random)).toEqual(["10.0.0.1:5475"]);
  expect(flags["typhaListen"]).toBe("0.0.0.0:5474");
  expect(flags["peersListen"]).toBe("0.0.0.0:5475");
  expect(pod.hostNetwork).toBe(true);
});

test("[DEP1] the identity, the state, the probes and the time to end are what the program expects", () => {
  const mounted = new Map(container.volumeMounts.map(({ name, mountPath }) => [mountPath, name]));
  const volume = (path: string | undefined) =>
    pod.volumes.find(({ name }) => name === mounted.get(path ?? ""));
  expect(volume(flags["identity"])?.["secret"]).toMatchObject({ secretName: "catwalk-identity" });
  expect(volume(flags["state"])?.["hostPath"]).toMatchObject({ path: "/var/lib/catwalk-relay" });
  const cleanup = readFileSync(join(FOLDER, "cleanup/daemonset.yaml"), "utf8");
  expect(cleanup).toContain("/host/catwalk-relay");
  const [host, port] = (flags["httpListen"] ?? "").split(":");
  for (const [probe, path] of [
    ["startupProbe", "/healthz"],
    ["livenessProbe", "/healthz"],
    ["readinessProbe", "/readyz"],
  ] as const)
    expect(container[probe]).toMatchObject({ httpGet: { host, port: Number(port), path } });
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(flags["drainSeconds"]));
  const command = readFileSync(join(ROOT, "cli/commands/cluster-identity.ts"), "utf8");
  expect(command).toContain('"catwalk-identity"');
  expect([KEY_FILE, MEMBERSHIP_FILE]).toEqual(["relay-key.jwk", "membership.json"]);
});

test("[DEP3] the relay may list and watch what its source follows, and nothing else", () => {
  const rules = only<Manifest>("source-kubernetes", "ClusterRole").rules ?? [];
  const allowed = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.map((one) => `${group}/${one} ${verbs.join()}`)),
  );
  const followed = COLLECTIONS.flatMap(({ group, plural }) =>
    (group === "core" ? [""] : ["crd.projectcalico.org", "projectcalico.org"]).map(
      (name) => `${name}/${plural} list,watch`,
    ),
  );
  expect(allowed.toSorted()).toEqual(followed.toSorted());
  for (const { verbs } of only<Manifest>("base", "ClusterRole").rules ?? [])
    expect(verbs).toEqual(["list"]);
});

test("[DEP1] every kustomization names files that are there, and the files that are there are named", () => {
  for (const folder of ["base", "source-kubernetes", "cleanup", "crds", "export-policy"]) {
    const text = readFileSync(join(FOLDER, folder, "kustomization.yaml"), "utf8");
    const { resources } = parse(text) as { readonly resources: readonly string[] };
    const here = readdirSync(join(FOLDER, folder)).filter((name) => name !== "kustomization.yaml");
    expect(resources.filter((name) => name !== "../base").toSorted()).toEqual(here.toSorted());
  }
});

test("[DEP5] the admission policy refuses the labels that the relay tells of, and no others", () => {
  interface Policy {
    readonly spec: { readonly variables: readonly { readonly expression: string }[] };
  }
  const { variables } = only<Policy>("base", "ValidatingAdmissionPolicy").spec;
  const [, pattern = ""] =
    /key[.]matches\("(.+?)"\)/.exec(variables.at(-1)?.expression ?? "") ?? [];
  const refused = new RegExp(pattern);
  for (const key of [
    "catwalk.dev/cluster",
    "db.catwalk.dev/role",
    "a.b.catwalk.dev/x",
    "notcatwalk.dev/x",
    "catwalk.dev",
    "catwalk.dev.example.com/x",
    "app",
  ])
    expect([key, refused.test(key)]).toEqual([key, isReservedLabel(key)]);
});

test("[DEP6] what the README's commands make is not committed, and nothing but the program gets into an image", () => {
  const lines = (name: string): string[] =>
    readFileSync(join(ROOT, name), "utf8").split("\n").filter(Boolean);
  const ignored = lines(".gitignore").map((line) => line.replaceAll(/^\/|\/$/g, ""));
  const pages = ["README.md", "docs/running-a-mesh.md", "docs/two-clusters-without-a-hub.md"];
  const text = pages.map((page) => readFileSync(join(ROOT, page), "utf8")).join("");
  const made = [...text.matchAll(/(?:--data|--state) \.\/([\w-]+)|(\w+\.backup)/g)].map(
    ([, folder, file]) => folder ?? file ?? "",
  );
  expect(made).toEqual(expect.arrayContaining(["hub", "hub2", "relay-db", "hub.backup"]));
  for (const name of made)
    expect([name, ignored.some((glob) => matchesGlob(name, glob))]).toEqual([name, true]);
  const ignore = lines(".dockerignore").filter((line) => !line.startsWith("#"));
  expect(ignore).toEqual(["*", "!.build/dist"]);
});

test("[DEP6] one command takes out what either kustomization put in", () => {
  const text = readFileSync(join(FOLDER, "source-kubernetes/kustomization.yaml"), "utf8");
  expect((parse(text) as { resources: string[] }).resources).toContain("../base");
  expect(readFileSync(join(FOLDER, "README.md"), "utf8")).toContain(
    "kubectl delete -k deploy/relay/source-kubernetes --ignore-not-found",
  );
});

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly enum?: readonly string[];
  readonly items?: Schema;
}

interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly scope: string;
    readonly group: string;
    readonly versions: readonly [
      {
        readonly name: string;
        readonly subresources: object;
        readonly schema: { readonly openAPIV3Schema: Schema };
        readonly additionalPrinterColumns: readonly { readonly name: string }[];
      },
    ];
  };
}

test("[CRD1] the CRDs have the fields that the program reads: the documented RCC's, and a grant's", () => {
  const crds = manifests("crds").filter(({ kind }) => kind === "CustomResourceDefinition");
  const [rcc, grant] = ["remoteclusterconfigurations", "remoteclustergrants"].map((plural) => {
    const found = crds.find(({ metadata }) => metadata.name === `${plural}.catwalk.dev`);
    const { spec } = found as unknown as Crd;
    expect([spec.scope, spec.group, spec.versions[0].name]).toEqual([
      "Cluster",
      "catwalk.dev",
      "v1",
    ]);
    expect(spec.versions[0].subresources).toEqual({ status: {} });
    return spec.versions[0];
  });
  const specOf = (crd: Crd["spec"]["versions"][0] | undefined) =>
    crd?.schema.openAPIV3Schema.properties?.["spec"]?.properties ?? {};
  expect(Object.keys(specOf(rcc)).toSorted()).toEqual(Object.keys(specSchema.shape).toSorted());
  const secret = specSchema.shape.clusterAccessSecret.unwrap().unwrap();
  expect(Object.keys(specOf(rcc)["clusterAccessSecret"]?.properties ?? {}).toSorted()).toEqual(
    Object.keys(secret.shape).toSorted(),
  );
  expect(rcc?.additionalPrinterColumns.map(({ name }) => name).slice(0, 5)).toEqual([
    "Remote",
    "State",
    "Endpoints",
    "Overlay",
    "Age",
  ]);
  const scope = specOf(grant)["scope"]?.properties ?? {};
  expect(Object.keys(scope).toSorted()).toEqual(Object.keys(scopeSchema.shape).toSorted());
  expect(scope["kinds"]?.items?.enum).toEqual(SCOPE_KINDS);
});

test("[CRD3] the rights of custom resources are those that the program uses, and its option is one of the relay's", () => {
  const rules = only<Manifest>("crds", "ClusterRole").rules ?? [];
  expect(rules.map(({ resources, verbs }) => `${resources.join()} ${verbs.join()}`)).toEqual([
    "remoteclusterconfigurations,remoteclustergrants list,watch",
    "remoteclusterconfigurations/status,remoteclustergrants/status update",
    "customresourcedefinitions get",
    "services get",
  ]);
  const text = readFileSync(join(FOLDER, "crds/kustomization.yaml"), "utf8");
  const [, flag = ""] = /value: --(.+)/.exec(text) ?? [];
  expect(flag).toBe("custom-resources");
  const given = { ...flags, customResources: true };
  expect(readConfig(given, only<Manifest>("base", "ConfigMap").data ?? {}, null).ok).toBe(true);
});

test("[EXP1] the component's policy is one that the relay takes, where its option says", () => {
  const { data } = only<Manifest>("export-policy", "ConfigMap");
  const [key = "", text = ""] = Object.entries(data ?? {}).flat();
  expect(parseExportPolicy(parse(text))).toMatchObject({ ok: true });
  const patch = readFileSync(join(FOLDER, "export-policy/kustomization.yaml"), "utf8");
  const [, path = ""] = /value: --export-policy=(.+)/.exec(patch) ?? [];
  const [, mounted = ""] = /mountPath: ([^,]+),/.exec(patch) ?? [];
  expect(path).toBe(`${mounted}/${key}`);
  expect(Object.keys(relayConfigSchema.shape)).toContain("exportPolicy");
});

test("[OVL12] the component of path checks gives the relay's option, no rights and no capability", () => {
  expect(readdirSync(join(FOLDER, "path-probes"))).toEqual(["kustomization.yaml"]);
  const text = readFileSync(join(FOLDER, "path-probes/kustomization.yaml"), "utf8");
  const { patches } = parse(text) as { readonly patches: readonly { readonly patch: string }[] };
  const steps = patches.flatMap(({ patch }) => parse(patch) as readonly object[]);
  expect(steps).toEqual([
    { op: "add", path: "/spec/template/spec/containers/0/args/-", value: "--path-probes" },
  ]);
  const settings = only<Manifest>("base", "ConfigMap").data ?? {};
  const given = { ...flags, pathProbes: true };
  expect(readConfig(given, { ...settings, CATWALK_NODE_NAME: "n" }, null).ok).toBe(true);
  expect(readConfig(given, settings, null)).toMatchObject({
    ok: false,
    message: expect.stringContaining("needs the name of this relay's node") as string,
  });
});

test("[DEP11] the operator's certificates are mounted where the relay's options look for them", () => {
  const text = readFileSync(join(FOLDER, "operator-tls/kustomization.yaml"), "utf8");
  const { patches } = parse(text) as { readonly patches: readonly { readonly patch: string }[] };
  const steps = patches.flatMap(
    ({ patch }) =>
      parse(patch) as readonly { readonly path: string; readonly value: Record<string, unknown> }[],
  );
  const at = (end: string) =>
    steps.filter(({ path }) => path.endsWith(end)).map(({ value }) => value);
  const env = Object.fromEntries(at("/env/-").map(({ name, value }) => [name, value])) as Record<
    string,
    string
  >;
  const settings = only<Manifest>("base", "ConfigMap").data ?? {};
  expect(readConfig(flags, { ...settings, ...env }, null)).toMatchObject({ ok: true });
  const known = Object.keys(relayConfigSchema.shape).map(environmentName);
  expect(Object.keys(env).filter((name) => !known.includes(name))).toEqual([]);
  const mounts = at("/volumeMounts/-").map(
    ({ name, mountPath }) => [String(mountPath), name] as const,
  );
  for (const value of Object.values(env).filter((path) => path.startsWith("/")))
    expect(mounts.filter(([path]) => value.startsWith(`${path}/`))).toHaveLength(1);
  const volumes = at("/volumes/-").map(({ name }) => name);
  expect(volumes).toEqual(mounts.map(([, name]) => name));
});
