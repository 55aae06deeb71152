/**
 * [SRC80..SRC85] Access to an API server as kubectl's; test/interop runs kubectl itself beside the
 * same forms.
 */
import { readFileSync } from "node:fs";

import { afterAll, afterEach, beforeEach, expect, test } from "vitest";

import { ExecCredentials, parseCredential } from "../../../relay/kube/access/exec-credential.ts";
import { KubeAccess } from "../../../relay/kube/access/kube-access.ts";
import { parseKubeconfig } from "../../../relay/kube/access/kubeconfig.ts";
import { proxyOf } from "../../../relay/kube/access/proxy-environment.ts";
import { KubeTransport } from "../../../relay/kube/transport.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { KubeLab, plainEnvironment } from "../../support/kube-lab.ts";
import type { Asked } from "../../support/kube-lab.ts";
import { makeForms } from "../../support/kubeconfig-forms.ts";
import type { Form, Forms } from "../../support/kubeconfig-forms.ts";

const forms: Forms = await makeForms();
afterAll(() => forms.stop());

/** The pod that is read, or why none is. */
async function read(form: Form): Promise<string> {
  const { kubeconfig, env } = form;
  const transport = new KubeTransport({
    ...(kubeconfig !== undefined && { kubeconfig }),
    env,
    requestIdleMs: 20_000,
    watchIdleMs: 0,
  });
  try {
    const { status, body } = await transport.get("/api/v1/pods", AbortSignal.timeout(20_000));
    return /pod-of-(\w+)/.exec(body)?.[1] ?? `status ${status}`;
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

for (const form of forms.forms)
  test(`${ruleOf(form)} ${form.name}: ${form.reads ?? "nothing"} is read`, async () => {
    const got = await read(form);
    if (form.reads === null) expect(got).toMatch(/^(status 40[134]|error: .)/);
    else expect(got).toBe(form.reads);
    if (form.check !== undefined)
      expect(form.check(forms.apis[form.reads ?? ""]?.asked.at(-1) as never)).toBe(true);
  });

function ruleOf({ name }: Form): string {
  if (/plugin/.test(name)) return "[SRC83]";
  if (/proxy/i.test(name)) return "[SRC84]";
  if (/as another|groups without/.test(name)) return "[SRC85]";
  return /KUBECONFIG|~|twice|missing (context|user)|YAML|null|nobody knows|number/.test(name)
    ? "[SRC80]"
    : "[SRC81]";
}

const authority = makeAuthority("kept");
let lab: KubeLab;
let answers: string[];

beforeEach(() => {
  lab = new KubeLab();
  answers = [];
});

afterEach(() => lab.stop());

/** One transport, as a relay has it: what is on disk may change between its requests. */
function kept(kubeconfig: string, env: Readonly<Record<string, string>> = plainEnvironment()) {
  const transport = new KubeTransport({ kubeconfig, env, requestIdleMs: 20_000, watchIdleMs: 0 });
  return async (): Promise<string> => {
    try {
      const { status, body } = await transport.get("/api/v1/pods", AbortSignal.timeout(20_000));
      answers.push(/pod-of-(\w+)/.exec(body)?.[1] ?? String(status));
    } catch (error) {
      answers.push(
        ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ??
          (error as Error).message,
      );
    }
    return answers.at(-1) ?? "";
  };
}

function write(cluster: object, user: object, name = "kc.yaml"): string {
  const config = {
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  return lab.write(name, JSON.stringify(config));
}

const known = (...tokens: readonly string[]) => ({
  isKnown: ({ authorization }: Asked) =>
    tokens.some((token) => authorization === `Bearer ${token}`),
});

test("[SRC82] a token file, an authority's file and a kubeconfig that are replaced are used by the next request", async () => {
  const later = makeAuthority("later");
  const one = await lab.api("one", { tls: authority.issue("127.0.0.1"), ...known("a", "b") });
  const two = await lab.api("two", { tls: later.issue("127.0.0.1"), ...known("b") });
  lab.write("token", "a");
  lab.write("ca.crt", authority.cert);
  const user = { tokenFile: "token" };
  const file = { "certificate-authority": "ca.crt" };
  const kubeconfig = write({ server: `https://127.0.0.1:${one.port}`, ...file }, user);
  const get = kept(kubeconfig);
  await get();
  lab.write("token", "b");
  await get();
  expect(one.asked.map(({ authorization }) => authorization)).toEqual(["Bearer a", "Bearer b"]);
  write({ server: `https://127.0.0.1:${two.port}`, ...file }, user);
  await get();
  lab.write("ca.crt", later.cert);
  await get();
  // And a CA that is in the kubeconfig.
  const data = (pem: string) => ({
    "certificate-authority-data": Buffer.from(pem).toString("base64"),
  });
  write({ server: `https://127.0.0.1:${two.port}`, ...data(authority.cert) }, user);
  await get();
  write({ server: `https://127.0.0.1:${two.port}`, ...data(later.cert) }, user);
  await get();
  expect(answers).toEqual([
    "one",
    "one",
    expect.stringMatching(/SIGNATURE|CERT/),
    "two",
    expect.stringMatching(/SIGNATURE|CERT/),
    "two",
  ]);
});

test("[SRC82] a kubeconfig that comes, is broken and is mended needs no restart", async () => {
  const api = await lab.api("one", { tls: authority.issue("127.0.0.1"), ...known("a") });
  const get = kept(`${lab.folder}/kc.yaml`);
  expect(await get()).toContain("there is no kubeconfig");
  lab.write("kc.yaml", "clusters: {");
  expect(await get()).toContain("kc.yaml");
  const ca = { "certificate-authority-data": Buffer.from(authority.cert).toString("base64") };
  write({ server: `https://127.0.0.1:${api.port}`, ...ca }, { token: "a" });
  expect(await get()).toBe("one");
});

test("[SRC82] in a pod its own account is used, and what the kubelet replaces of it", async () => {
  const api = await lab.api("one", { tls: authority.issue("127.0.0.1"), ...known("a", "b") });
  lab.write("token", "a\n");
  lab.write("ca.crt", authority.cert);
  const env = {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
    KUBECONFIG: "/no/such/file",
  };
  const access = new KubeAccess({ env, accountFolder: lab.folder });
  const first = await access.way();
  lab.write("token", "b\n");
  const second = await access.way();
  expect([first.base.href, first.options.headers, second.options.headers]).toMatchObject([
    `https://127.0.0.1:${api.port}/`,
    { authorization: "Bearer a" },
    { authorization: "Bearer b" },
  ]);
  expect(first.options.ca).toBe(authority.cert);
});

test("[SRC82] requests of one way share an agent, those of another do not", async () => {
  lab.write("ca.crt", authority.cert);
  const cluster = { server: "https://127.0.0.1:1", "certificate-authority": "ca.crt" };
  const access = new KubeAccess({ kubeconfig: write(cluster, { token: "a" }), env: {} });
  const agents = [(await access.way()).options.agent, (await access.way()).options.agent];
  expect(agents[0]).toBe(agents[1]);
  lab.write("ca.crt", makeAuthority("other").cert);
  expect((await access.way()).options.agent).not.toBe(agents[0]);
});

test("[SRC83] a plugin runs once for all who ask, until it expires or the server refuses what it gave", async () => {
  const api = await lab.api("one", { tls: authority.issue("127.0.0.1"), ...known("t-1", "t-3") });
  const answer = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t-%s"}}`;
  lab.write(
    "cred.sh",
    `#!/bin/sh\necho x >> "${lab.folder}/runs"\nprintf '${answer}' $(wc -l < "${lab.folder}/runs")\n`,
    0o700,
  );
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "./cred.sh",
    interactiveMode: "Never",
  };
  const ca = { "certificate-authority-data": Buffer.from(authority.cert).toString("base64") };
  const get = kept(write({ server: `https://127.0.0.1:${api.port}`, ...ca }, { exec }));
  const runs = (): number => readFileSync(`${lab.folder}/runs`, "utf8").split("\n").length - 1;
  await Promise.all([get(), get(), get()]);
  await get();
  expect([answers, runs()]).toEqual([["one", "one", "one", "one"], 1]);
  // Another argument is another credential; the second one is refused, and the third asked for.
  write({ server: `https://127.0.0.1:${api.port}`, ...ca }, { exec: { ...exec, args: ["again"] } });
  expect([await get(), await get(), runs()]).toEqual(["401", "one", 3]);
});

test("[SRC83] a credential is asked for again when its time is over, and after a failure by who comes later", async () => {
  let nowMs = Date.parse("2026-01-01T00:00:00Z");
  const credentials = new ExecCredentials(plainEnvironment(), () => nowMs);
  const script = (status: string): string =>
    `#!/bin/sh\necho x >> "${lab.folder}/runs"\n${status}\n`;
  const status = { token: "t", expirationTimestamp: "2026-01-01T01:00:00Z" };
  const answer = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status };
  const command = lab.write("cred.sh", script(`echo '${JSON.stringify(answer)}'`), 0o700);
  const parsed = parseKubeconfig(
    JSON.stringify({
      users: [{ name: "u", user: { exec: { apiVersion: answer.apiVersion, command } } }],
    }),
    "/kc",
  );
  const exec = parsed.ok ? parsed.config.users.get("u")?.exec : null;
  if (exec == null) throw new Error("no exec");
  const runs = (): number => readFileSync(`${lab.folder}/runs`, "utf8").split("\n").length - 1;
  await credentials.get(exec, {});
  nowMs += 3_600_000;
  await credentials.get(exec, {});
  expect(runs()).toBe(1);
  nowMs += 1;
  await credentials.get(exec, {});
  expect(runs()).toBe(2);
  lab.write("cred.sh", script("exit 1"), 0o700);
  nowMs += 1;
  const failing = { ...exec, args: ["x"] };
  await expect(credentials.get(failing, {})).rejects.toThrow("ended with 1");
  await expect(credentials.get(failing, {})).rejects.toThrow("ended with 1");
  expect(runs()).toBe(3);
  nowMs += 1_000;
  await expect(credentials.get(failing, {})).rejects.toThrow("ended with 1");
  expect(runs()).toBe(4);
});

for (const [answer, message] of [
  ["no", "not JSON"],
  ['{"kind":"Pod"}', "no ExecCredential"],
  ['{"apiVersion":"v2","kind":"ExecCredential","status":{"token":"t"}}', "is of v2"],
  ['{"apiVersion":"v1","kind":"ExecCredential"}', "status"],
  ['{"apiVersion":"v1","kind":"ExecCredential","status":{}}', "neither a token"],
  [
    '{"apiVersion":"v1","kind":"ExecCredential","status":{"clientCertificateData":"c"}}',
    "come together",
  ],
  [
    '{"apiVersion":"v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"soon"}}',
    "must be a time",
  ],
] as const)
  test(`[SRC83] a plugin's answer ${answer} is refused: ${message}`, () => {
    const parsed = parseCredential(answer, "v1");
    expect(parsed.ok ? "" : parsed.message).toContain(message);
  });

for (const [target, env, proxy] of [
  ["https://h.x.y", { HTTPS_PROXY: "http://p:3" }, "http://p:3/"],
  ["https://h.x.y", { https_proxy: "p:3" }, "http://p:3/"],
  ["https://h.x.y", { HTTPS_PROXY: "http://a", https_proxy: "http://b" }, "http://a/"],
  ["https://h.x.y", { HTTP_PROXY: "http://p" }, null],
  ["http://h.x.y", { HTTP_PROXY: "http://p" }, "http://p/"],
  ["https://h.x.y", { HTTPS_PROXY: "socks5://p:1" }, "socks5://p:1"],
  ["https://localhost", { HTTPS_PROXY: "http://p" }, null],
  ["https://127.9.9.9", { HTTPS_PROXY: "http://p" }, null],
  ["https://[::1]:6443", { HTTPS_PROXY: "http://p" }, null],
  ["https://h.x.y", { HTTPS_PROXY: "http://p", NO_PROXY: "*" }, null],
  ["https://h.x.y", { HTTPS_PROXY: "http://p", NO_PROXY: "x.y" }, null],
  ["https://x.y", { HTTPS_PROXY: "http://p", NO_PROXY: " a , X.Y" }, null],
  ["https://x.y", { HTTPS_PROXY: "http://p", NO_PROXY: ".x.y" }, "http://p/"],
  ["https://h.x.y", { HTTPS_PROXY: "http://p", NO_PROXY: ".x.y" }, null],
  ["https://h.x.y", { HTTPS_PROXY: "http://p", no_proxy: "*.x.y" }, null],
  ["https://x.y", { HTTPS_PROXY: "http://p", no_proxy: "*.x.y" }, "http://p/"],
  ["https://hx.y", { HTTPS_PROXY: "http://p", NO_PROXY: "x.y" }, "http://p/"],
  ["https://h.x.y:6443", { HTTPS_PROXY: "http://p", NO_PROXY: "x.y:443" }, "http://p/"],
  ["https://h.x.y:6443", { HTTPS_PROXY: "http://p", NO_PROXY: "x.y:6443" }, null],
  ["https://h.x.y", { HTTPS_PROXY: "http://p", NO_PROXY: "x.y:443" }, null],
  ["https://10.1.2.3:6443", { HTTPS_PROXY: "http://p", NO_PROXY: "10.1.0.0/16" }, null],
  ["https://10.2.2.3:6443", { HTTPS_PROXY: "http://p", NO_PROXY: "10.1.0.0/16" }, "http://p/"],
  ["https://10.1.2.3:6443", { HTTPS_PROXY: "http://p", NO_PROXY: "10.1.2.3:6443" }, null],
  ["https://10.1.2.3", { HTTPS_PROXY: "http://p", NO_PROXY: "1.2.3" }, null],
  ["https://[fd00::5]", { HTTPS_PROXY: "http://p", NO_PROXY: "fd00::/8" }, null],
  ["https://[fd00::5]:1", { HTTPS_PROXY: "http://p", NO_PROXY: "[fd00:0::5]:1" }, null],
] as const)
  test(`[SRC84] ${target} with ${JSON.stringify(env)} goes ${proxy === null ? "directly" : `through ${proxy}`}`, () => {
    expect(proxyOf(new URL(target), env)?.href ?? null).toBe(proxy);
  });

test("[SRC84] a proxy that is no URL, or of another kind, is told by its variable", () => {
  const target = new URL("https://h");
  expect(() => proxyOf(target, { HTTPS_PROXY: "http://[" })).toThrow("HTTPS_PROXY: must be");
  expect(() => proxyOf(target, { HTTPS_PROXY: "ftp://p" })).toThrow("HTTPS_PROXY: must begin");
});

for (const [what, content, message] of [
  ["no object", "[]", "must be a kubeconfig"],
  ["a list where text belongs", '{"current-context":[]}', "current-context: must be text"],
  [
    "a number in a user",
    '{"users":[{"name":"u","user":{"token":5}}]}',
    "users[0].user.token: must be text",
  ],
  [
    "data that is no base64",
    '{"clusters":[{"name":"c","cluster":{"certificate-authority-data":"%%"}}]}',
    "clusters[0].cluster.certificate-authority-data: must be base64",
  ],
  ["another kind", "kind: Pod", "kind: must be Config"],
  ["no YAML", "a: [", "/dir/kc: "],
] as const)
  test(`[SRC80] a kubeconfig that is ${what} is refused by field and rule`, () => {
    const parsed = parseKubeconfig(content, "/dir/kc");
    expect(parsed.ok ? "" : parsed.message).toContain(message);
  });
