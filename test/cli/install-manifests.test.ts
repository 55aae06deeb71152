import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

import { environmentName, readConfig, relayConfigSchema } from "../../relay/config/relay-config.ts";

const ROOT = join(import.meta.dirname, "../..");
const BASE = [
  "--cluster",
  "app",
  "--hub",
  "https://hub.example.com",
  "--image",
  "r.example.com/relay:7",
];

function install(...args: readonly string[]): { status: number | null; out: string; err: string } {
  const all = [join(ROOT, "cli/main.ts"), "install", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly containers: readonly {
          readonly image: string;
          readonly args: string[];
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

const read = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest);

test("[CLI80] install prints what deploy/relay has, for this cluster", () => {
  const { status, out, err } = install(...BASE, "--typha", "operator");
  expect([status, err]).toEqual([
    0,
    "the namespace needs the cluster's identity: catwalk cluster identity app | kubectl create -f -\n",
  ]);
  const printed = read(out);
  const folder = join(ROOT, "deploy/relay/base");
  const listed = readFileSync(join(folder, "kustomization.yaml"), "utf8");
  const files = [...listed.matchAll(/- (\S+\.yaml)/g)].map(([, name]) => name ?? "");
  const base = files.flatMap((name) => read(readFileSync(join(folder, name), "utf8")));
  const namesOf = (all: readonly Manifest[]): string[] =>
    all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(namesOf(printed)).toEqual(namesOf(base));
  const settings = printed.find(({ kind }) => kind === "ConfigMap")?.data ?? {};
  expect(settings).toEqual({
    CATWALK_HUB: "https://hub.example.com",
    CATWALK_TYPHA_SERVICE: "calico-system/calico-typha",
  });
  const container = printed.find(({ kind }) => kind === "DaemonSet")?.spec?.template?.spec
    .containers[0];
  expect(container?.image).toBe("r.example.com/relay:7");
  // The operator's Typha asks for certificates.
  const environment = Object.fromEntries(
    (container?.env ?? []).map(({ name, value }) => [name, value ?? ""]),
  );
  expect(environment["CATWALK_TYPHA_CERT_FILE"]).toBe("/etc/catwalk/tls/node/tls.crt");
  expect(environment["CATWALK_LISTEN_CLIENT_CN"]).toBe("typha-client");
  expect(out).toContain("secretName: typha-certs");
  expect(install(...BASE).out).not.toContain("typha-certs");
  expect(out).not.toContain("catwalk.invalid");
  const known = new Set(Object.keys(relayConfigSchema.shape).map(environmentName));
  expect(Object.keys(settings).filter((name) => !known.has(name))).toEqual([]);
  expect(readConfig({ state: "/s", typhaListen: "0.0.0.0:1" }, settings, {})).toMatchObject({
    ok: true,
  });
});

test("[CLI80] with the API server as source the relays' account may read it", () => {
  const printed = read(install(...BASE, "--source", "kubernetes").out);
  const container = printed.find(({ kind }) => kind === "DaemonSet")?.spec?.template?.spec
    .containers[0];
  expect(container?.args).toContain("--source=kubernetes");
  expect(container?.args).not.toContain("--source=typha");
  expect(printed.map(({ metadata }) => metadata.name)).toContain("catwalk-relay-source");
});

test("[CLI80] --with adds what the kustomize components do", () => {
  const with_ = ["--with", "services", "custom-resources", "--with", "export-policy"];
  const { status, out } = install(...BASE, ...with_);
  expect(status).toBe(0);
  const printed = read(out);
  const relays = printed.find(({ kind }) => kind === "DaemonSet")?.spec?.template?.spec;
  expect(relays?.containers[0]?.args).toEqual(
    expect.arrayContaining([
      "--custom-resources",
      "--services",
      "--export-policy=/etc/catwalk/export/policy.yaml",
    ]),
  );
  expect(out).toContain("mountPath: /etc/catwalk/export");
  const names = printed.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  for (const folder of ["crds", "export-policy", "services"]) {
    const component = join(ROOT, "deploy/relay", folder);
    const listed = read(
      readFileSync(join(component, "kustomization.yaml"), "utf8"),
    )[0] as unknown as {
      readonly resources: readonly string[];
    };
    for (const file of listed.resources)
      for (const { kind, metadata } of read(readFileSync(join(component, file), "utf8")))
        expect(names).toContain(`${kind} ${metadata.name}`);
  }
  expect(install(...BASE).out).not.toMatch(/custom-resources|export-policy|--services/);
});

test.each([
  [[...BASE, "--with", "coffee"], "--with"],
  [["--cluster", "A b", ...BASE.slice(2)], "--cluster"],
  [[...BASE, "--hub", "hub"], "--hub must be an http or https URL"],
  [[...BASE, "--image", "a b"], "--image must be the name of an image"],
  [[...BASE, "--typha", "helm"], "--typha"],
] as const)("[CLI80] %j is refused in one line", (args, said) => {
  const { status, out, err } = install(...args);
  expect([status, out]).toEqual([2, ""]);
  expect(err).toContain(said);
});
