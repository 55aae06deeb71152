/** What a kubeconfig or the `k8s*` fields of an RCC mean. */
import { expect, test } from "vitest";
import { stringify } from "yaml";

import { readKubeTarget } from "../../../relay/direct/kube-target.ts";
import type { RccSpec } from "../../../shared/visibility/rcc-connection.ts";

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly more?: object;
}

function kubeconfig({ cluster = {}, user = {}, more = {} }: Parts = {}): string {
  return stringify({
    "current-context": "one",
    contexts: [
      { name: "one", context: { cluster: "c1", user: "u1" } },
      { name: "two", context: { cluster: "c2", user: "u2" } },
    ],
    clusters: [
      { name: "c1", cluster: { server: "https://one:6443", ...cluster } },
      { name: "c2", cluster: { server: "https://two:6443" } },
    ],
    users: [
      { name: "u1", user: { token: "t1", ...user } },
      { name: "u2", user: { token: "t2" } },
    ],
    ...more,
  });
}

const target = (spec: RccSpec, files: Readonly<Record<string, string>> = {}, insecure = false) =>
  readKubeTarget(spec, (path) => Promise.resolve(files[path] ?? null), insecure);

async function access(spec: RccSpec, files: Readonly<Record<string, string>> = {}) {
  const found = await target(spec, files);
  if (!found.ok) throw new Error(JSON.stringify(found.problems));
  return found.access;
}

async function refusal(spec: RccSpec, files: Readonly<Record<string, string>> = {}) {
  const found = await target(spec, files);
  return found.ok ? "" : found.problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
}

const file = (parts: Parts) => [{ kubeconfig: "/a/k" }, { "/a/k": kubeconfig(parts) }] as const;

test("[DIR6] of several contexts the current one counts", async () => {
  const { base, user } = await access(...file({}));
  expect([base.origin, user.token]).toEqual(["https://one:6443", "t1"]);
});

test("[DIR6] several files are merged, and those that are missing are passed over", async () => {
  const first = stringify({ "current-context": "two" });
  const found = await access({ kubeconfig: "/a:/missing:/b" }, { "/a": first, "/b": kubeconfig() });
  expect(found.base.origin).toBe("https://two:6443");
});

test("[DIR6] a single file that is missing is an error that names it", async () => {
  expect(await refusal({ kubeconfig: "/missing" })).toContain("there is no file /missing");
});

test("[DIR6] relative paths count from the folder of their file", async () => {
  const found = await access(
    ...file({ cluster: { "certificate-authority": "ca.pem" }, user: { tokenFile: "token" } }),
  );
  expect([found.cluster.caFile, found.user.tokenFile]).toEqual(["/a/ca.pem", "/a/token"]);
});

test("[DIR6] proxy-url, tls-server-name and a token beside a certificate are kept", async () => {
  const found = await access(
    ...file({
      cluster: { "proxy-url": "http://proxy:3128", "tls-server-name": "api.local" },
      user: { "client-certificate": "c.pem", "client-key": "k.pem" },
    }),
  );
  expect(found.cluster).toMatchObject({
    proxyUrl: "http://proxy:3128",
    tlsServerName: "api.local",
  });
  expect(found.user).toMatchObject({ token: "t1", certFile: "/a/c.pem", keyFile: "/a/k.pem" });
});

test("[DIR6] k8s fields lie over the files, and alone suffice", async () => {
  const spec = { k8sAPIEndpoint: "https://three:6443", k8sAPIToken: "t3", k8sCAFile: "/ca" };
  const over = await access({ ...spec, kubeconfig: "/a/k" }, { "/a/k": kubeconfig() });
  const alone = await access(spec);
  for (const found of [over, alone])
    expect([found.base.origin, found.user.token, found.cluster.caFile]).toEqual([
      "https://three:6443",
      "t3",
      "/ca",
    ]);
});

test("[DIR6] an inline kubeconfig wins over files and takes no override", async () => {
  const spec = { kubeconfigInline: kubeconfig(), kubeconfig: "/x", k8sAPIToken: "other" };
  const found = await access({ ...spec, k8sAPIEndpoint: "https://other:1" });
  expect([found.base.origin, found.user.token]).toEqual(["https://one:6443", "t1"]);
});

test("[DIR6] an inline kubeconfig names no files", async () => {
  const kubeconfigInline = kubeconfig({ user: { tokenFile: "/t" } });
  expect(await refusal({ kubeconfigInline })).toContain("names files");
});

test("[DIR6] plugins that would run a program are refused in words", async () => {
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "x" };
  const plugged = file({ user: { exec: { ...exec, interactiveMode: "Never" } } });
  expect(await refusal(...plugged)).toContain("exec plugin");
  const provider = file({ user: { "auth-provider": { name: "gcp" } } });
  expect(await refusal(...provider)).toContain("auth-provider");
});

test("[DIR6] a certificate that is not checked needs the operator's switch", async () => {
  const [spec, files] = file({ cluster: { "insecure-skip-tls-verify": true } });
  expect(await refusal(spec, files)).toContain("--rcc-insecure-tls");
  expect((await target(spec, files, true)).ok).toBe(true);
  const skipped = { k8sAPIEndpoint: "https://three:6443", k8sInsecureSkipTLSVerify: true };
  expect(await refusal(skipped)).toContain("--rcc-insecure-tls");
});

test("[DIR6] a broken kubeconfig is told without what is in it", async () => {
  const text = await refusal({ kubeconfigInline: 'users: [{name: u, user: {token: "s3cr3t' });
  expect(text).not.toBe("");
  expect(text).not.toContain("s3cr3t");
});
