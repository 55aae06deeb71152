/**
 * Kubeconfigs as people have them, each with the API server that kubectl reaches with it, or none
 * where kubectl refuses it. `npm test` tries them with our transport; test/interop runs the real
 * kubectl beside `catwalk source dump` for each.
 */
import { mkdirSync } from "node:fs";

import { makeAuthority } from "./certificates.ts";
import { KubeLab, plainEnvironment } from "./kube-lab.ts";
import type { Asked, LabApi } from "./kube-lab.ts";

export interface Form {
  readonly name: string;
  /** Whose pod is read; `null`: nothing is. */
  readonly reads: string | null;
  /** `--kubeconfig`; absent: by the environment. */
  readonly kubeconfig?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Of that server's paths: `kubectl get --raw` does not add it. */
  readonly prefix?: string;
  /** Of what that server was asked with. */
  check?(asked: Asked): boolean;
}

export interface Forms {
  readonly forms: readonly Form[];
  readonly apis: Readonly<Record<string, LabApi>>;
  stop(): Promise<void>;
}

const UNDER = "/k8s/clusters/c-1";
const EXEC = "client.authentication.k8s.io/v1";

export async function makeForms(): Promise<Forms> {
  const lab = new KubeLab();
  const [authority, named, foreign] = ["one", "named", "foreign"].map((n) => makeAuthority(n));
  if (authority === undefined || named === undefined || foreign === undefined)
    throw new Error("BUG: three authorities");
  const client = authority.issue("reader");
  const isReader = ({ authorization, commonName }: Asked): boolean =>
    authorization === "Bearer secret" ||
    authorization === `Basic ${Buffer.from("me:secret").toString("base64")}` ||
    (authorization === "" && commonName === "reader");
  const tls = authority.issue("127.0.0.1", "localhost");
  const apis = {
    one: await lab.api("one", { tls, clientCa: authority.cert, isKnown: isReader }),
    named: await lab.api("named", {
      tls: named.issue("api.cluster.internal"),
      isKnown: isReader,
    }),
    plain: await lab.api("plain"),
    wary: await lab.api("wary", { isKnown: isReader }),
    under: await lab.api("under", { tls, isKnown: isReader, prefix: UNDER }),
  };
  const proxy = await lab.httpProxy();
  const closed = await lab.httpProxy("who:knows");
  const sealed = await lab.httpProxy(undefined, named.issue("127.0.0.1"));
  const socks = await lab.socksProxy();
  mkdirSync(`${lab.folder}/pki`);
  lab.write("pki/ca.crt", authority.cert);
  lab.write("pki/client.crt", client.cert);
  lab.write("pki/client.key", client.key);
  lab.write("named.crt", named.cert);
  lab.write("foreign.crt", foreign.cert);
  lab.write("token", "secret\n");
  lab.write("empty", "");
  const plugin = (name: string, status: object, before = ""): string =>
    lab.write(
      name,
      `#!/bin/sh\n${before}\ncat <<'E'\n${JSON.stringify({ apiVersion: EXEC, kind: "ExecCredential", status })}\nE\n`,
      0o700,
    );
  const token = { token: "secret" };
  const cred = plugin("cred.sh", token);
  plugin(
    "info.sh",
    token,
    `case "$KUBERNETES_EXEC_INFO" in *'"server":"https://127.0.0.1:'*certificate-authority-data*) ;; *) echo "what cluster?" >&2; exit 1;; esac`,
  );
  plugin("variable.sh", token, `[ "$MY_VARIABLE" = "a b" ] && [ "$1" = "x y" ] || exit 3`);
  plugin("pair.sh", { clientCertificateData: client.cert, clientKeyData: client.key });
  plugin("fails.sh", token, "echo no such account >&2; exit 4");
  lab.write(
    "other-version.sh",
    `#!/bin/sh\necho '{"apiVersion":"v9","kind":"ExecCredential"}'\n`,
    0o700,
  );

  const { folder } = lab;
  const one = {
    server: `https://127.0.0.1:${apis.one.port}`,
    "certificate-authority": "pki/ca.crt",
  };
  const data = (pem: string): string => Buffer.from(pem).toString("base64");
  const byName = {
    server: `https://api.cluster.internal:${apis.named.port}`,
    "certificate-authority": "named.crt",
  };
  const exec = (command: string, more: object = {}): object => ({
    exec: { apiVersion: EXEC, command, interactiveMode: "Never", ...more },
  });
  const env = plainEnvironment();
  const forms: Form[] = [];
  const config = (cluster: object, user: object | null): object => ({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: user === null ? null : [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", ...(user !== null && { user: "u" }) } }],
    "current-context": "x",
  });
  const add = (
    name: string,
    reads: string | null,
    cluster: object,
    user: object | null,
    more: { env?: Record<string, string>; prefix?: string; check?(asked: Asked): boolean } = {},
  ): void => {
    const kubeconfig = lab.write(`${forms.length}.yaml`, JSON.stringify(config(cluster, user)));
    forms.push({ name, reads, kubeconfig, ...more, env: { ...env, ...more.env } });
  };

  // Who one is.
  add("a token", "one", one, token);
  add("a token file, relative", "one", one, { tokenFile: "token" });
  add("a token file beside a token: the file counts", "one", one, {
    token: "x",
    tokenFile: "token",
  });
  add("a token file that is missing, beside a token", "one", one, {
    token: "secret",
    tokenFile: "no",
  });
  add("a token file that is missing", null, one, { tokenFile: "no" });
  add("a token file that is empty", null, one, { tokenFile: "empty" });
  add("name and password", "one", one, { username: "me", password: "secret" });
  add("a client certificate, relative", "one", one, {
    "client-certificate": "pki/client.crt",
    "client-key": "pki/client.key",
  });
  add(
    "everything as data",
    "one",
    { server: one.server, "certificate-authority-data": data(authority.cert) },
    { "client-certificate-data": data(client.cert), "client-key-data": data(client.key) },
  );
  add("nobody", null, one, null);
  add(
    "nobody, where that is enough",
    "plain",
    { server: `http://127.0.0.1:${apis.plain.port}` },
    null,
  );
  add("a wrong token", null, one, { token: "wrong" });
  add(
    "as another user, with groups, a UID and more",
    "one",
    one,
    {
      ...token,
      as: "reader",
      "as-uid": "12-3",
      "as-groups": ["a", "b"],
      "as-user-extra": { "Scope/x": ["view", "dév"] },
    },
    {
      check: ({ headers }) =>
        headers["impersonate-user"] === "reader" &&
        headers["impersonate-uid"] === "12-3" &&
        headers["impersonate-group"] === "a, b" &&
        Buffer.from(String(headers["impersonate-extra-scope%2fx"]), "latin1").toString() ===
          "view, dév",
    },
  );
  add("groups without a user", null, one, { ...token, "as-groups": ["a"] });
  add("a token beside a name", null, one, { ...token, username: "me" });
  add("a certificate without a key", null, one, {
    ...token,
    "client-certificate": "pki/client.crt",
  });

  // Plugins.
  add("a plugin", "one", one, exec(cred, { args: null, env: null }));
  add("a plugin, relative to the kubeconfig", "one", one, exec("./cred.sh"));
  add("a plugin of the PATH", "one", one, exec("cred.sh"), {
    env: { PATH: `${folder}:${env["PATH"]}` },
  });
  add("a bare name is no file beside the kubeconfig", null, one, exec("cred.sh"));
  add(
    "a plugin that asks for the cluster",
    "one",
    one,
    exec("./info.sh", { provideClusterInfo: true }),
  );
  add("a plugin that asks for the cluster and is not told", null, one, exec("./info.sh"));
  add(
    "a plugin with arguments and variables",
    "one",
    one,
    exec("./variable.sh", {
      args: ["x y"],
      env: [{ name: "MY_VARIABLE", value: "a b" }],
    }),
  );
  add("a plugin that gives a certificate", "one", one, exec("./pair.sh"));
  add("a plugin that fails", null, one, exec("./fails.sh"));
  add("a plugin that answers in another version", null, one, exec("./other-version.sh"));
  add("a plugin without interactiveMode", null, one, { exec: { apiVersion: EXEC, command: cred } });
  add("a token beside a plugin: the token counts", "one", one, { ...token, ...exec("./fails.sh") });

  // Which server, and whether it is that.
  add("a server with a slash", "one", { ...one, server: `${one.server}/` }, token);
  add(
    "a server with a path",
    "under",
    {
      ...one,
      server: `https://127.0.0.1:${apis.under.port}${UNDER}/`,
    },
    token,
    { prefix: UNDER },
  );
  const bare = (port: number): object => ({ server: `127.0.0.1:${port}` });
  add("a server without a scheme is http", "plain", bare(apis.plain.port), {});
  add("and so it is with an authority", null, { ...one, ...bare(apis.one.port) }, token);
  add("a token is not sent over http", null, bare(apis.wary.port), token);
  add(
    "nor is a plugin asked for one",
    "plain",
    { server: `http://127.0.0.1:${apis.plain.port}` },
    exec("./fails.sh"),
  );
  add(
    "insecure-skip-tls-verify",
    "one",
    { server: one.server, "insecure-skip-tls-verify": true },
    token,
  );
  add(
    "insecure-skip-tls-verify beside an authority",
    null,
    {
      ...one,
      "insecure-skip-tls-verify": true,
    },
    token,
  );
  add(
    "an authority that it is not of",
    null,
    { ...one, "certificate-authority": "foreign.crt" },
    token,
  );
  add("no authority at all", null, { server: one.server }, token);
  add(
    "two authorities",
    null,
    { ...one, "certificate-authority-data": data(authority.cert) },
    token,
  );
  add(
    "tls-server-name",
    "named",
    {
      ...byName,
      server: `https://127.0.0.1:${apis.named.port}`,
      "tls-server-name": "api.cluster.internal",
    },
    token,
  );
  add(
    "a name that the certificate does not have",
    null,
    {
      ...byName,
      server: `https://127.0.0.1:${apis.named.port}`,
    },
    token,
  );
  add("http, as of kubectl proxy", "plain", { server: `http://127.0.0.1:${apis.plain.port}` }, {});

  // By which way.
  const at = (port: number): string => `http://127.0.0.1:${port}`;
  add("proxy-url", "named", { ...byName, "proxy-url": at(proxy.port) }, token);
  add(
    "proxy-url with credentials",
    "named",
    {
      ...byName,
      "proxy-url": `http://who:knows@127.0.0.1:${closed.port}`,
    },
    token,
  );
  add(
    "proxy-url without the credentials",
    null,
    { ...byName, "proxy-url": at(closed.port) },
    token,
  );
  add(
    "proxy-url over TLS, by the cluster's authority",
    "named",
    { ...byName, "proxy-url": `https://127.0.0.1:${sealed.port}` },
    token,
  );
  add(
    "proxy-url of SOCKS",
    "named",
    {
      ...byName,
      "proxy-url": `socks5://127.0.0.1:${socks.port}`,
    },
    token,
  );
  add(
    "proxy-url over HTTPS_PROXY and NO_PROXY",
    "named",
    {
      ...byName,
      "proxy-url": at(proxy.port),
    },
    token,
    { env: { HTTPS_PROXY: at(1), NO_PROXY: "*" } },
  );
  add("proxy-url of another kind", null, { ...byName, "proxy-url": "ftp://127.0.0.1" }, token);
  add("HTTPS_PROXY", "named", byName, token, { env: { HTTPS_PROXY: at(proxy.port) } });
  add("https_proxy without a scheme", "named", byName, token, {
    env: { https_proxy: `127.0.0.1:${proxy.port}` },
  });
  add("HTTPS_PROXY and a NO_PROXY that names the domain", null, byName, token, {
    env: { HTTPS_PROXY: at(proxy.port), NO_PROXY: "cluster.internal" },
  });
  add("HTTPS_PROXY and a NO_PROXY of another port", "named", byName, token, {
    env: { HTTPS_PROXY: at(proxy.port), NO_PROXY: "api.cluster.internal:1" },
  });
  add("HTTPS_PROXY, and a loopback address", "one", one, token, { env: { HTTPS_PROXY: at(1) } });
  add("HTTP_PROXY, and an https server", null, byName, token, {
    env: { HTTP_PROXY: at(proxy.port) },
  });
  add(
    "HTTP_PROXY, and an http server",
    "plain",
    {
      server: `http://api.cluster.internal:${apis.plain.port}`,
    },
    {},
    { env: { HTTP_PROXY: at(proxy.port) } },
  );

  // Which file.
  const text = (name: string, content: object | string): string =>
    lab.write(name, typeof content === "string" ? content : JSON.stringify(content));
  const clusters = text("clusters.yaml", { clusters: [{ name: "c", cluster: one }] });
  const rest = text("rest.yaml", {
    ...config({ server: at(1) }, token),
    users: [{ name: "u", user: token }],
  });
  const byFiles = (name: string, reads: string | null, list: readonly string[]): void =>
    void forms.push({ name, reads, env: { ...env, KUBECONFIG: list.join(":") } });
  byFiles("KUBECONFIG: the first file wins, a missing one is passed over", "one", [
    `${folder}/missing`,
    clusters,
    rest,
  ]);
  byFiles("KUBECONFIG: in the other order", null, [rest, clusters]);
  byFiles("KUBECONFIG: nothing but missing files", null, [`${folder}/missing`]);
  byFiles("KUBECONFIG: one of them cannot be read", null, [
    text("broken.yaml", "{"),
    clusters,
    rest,
  ]);
  mkdirSync(`${folder}/home/.kube`, { recursive: true });
  text("home/.kube/config", config({ ...one, "certificate-authority": "../../pki/ca.crt" }, token));
  forms.push({ name: "~/.kube/config", reads: "one", env: { ...env, HOME: `${folder}/home` } });
  const file = (name: string, reads: string | null, content: object | string): void =>
    void forms.push({ name, reads, kubeconfig: text(`${forms.length}.yaml`, content), env });
  file("a missing context", null, { ...config(one, token), "current-context": "y" });
  file("a missing user", null, { ...config(one, token), users: null });
  file("a name twice", null, {
    ...config(one, token),
    users: [
      { name: "u", user: token },
      { name: "u", user: token },
    ],
  });
  file("a number for a token", null, config(one, { token: 5 }));
  file("nulls where nothing is meant", "one", {
    ...config(
      { ...one, "proxy-url": null, "tls-server-name": null, extensions: null },
      {
        ...token,
        exec: null,
        "as-groups": null,
        "auth-provider": null,
      },
    ),
    preferences: null,
    extensions: null,
  });
  file("fields that nobody knows", "one", { ...config({ ...one, colour: "red" }, token), more: 1 });
  file(
    "YAML with anchors and `yes`",
    "one",
    `clusters:\n- name: c\n  cluster: &c {server: "${one.server}", insecure-skip-tls-verify: yes}\n- name: d\n  cluster: {<<: *c}\nusers: [{name: u, user: {token: secret}}]\ncontexts: [{name: x, context: {cluster: d, user: u}}]\ncurrent-context: x\n`,
  );
  return { forms, apis, stop: () => lab.stop() };
}
