/** The commands against a real hub on plain workerd. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startHub } from "../../cli/launch/hub.ts";
import type { RunningHub } from "../../cli/launch/hub.ts";
import { userEnv } from "../support/catwalk-command.ts";
import { catwalkHere } from "../support/catwalk-here.ts";
import type { Ended } from "../support/catwalk-command.ts";

const root = mkdtempSync(join(tmpdir(), "catwalk-cli-"));
let hub: RunningHub;

beforeAll(async () => {
  hub = await startHub({ listen: "127.0.0.1:0", dataDir: join(root, "hub"), log: () => {} });
});

afterAll(async () => {
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

function catwalk(...args: readonly string[]): Promise<Ended> {
  return catwalkHere(args, { cwd: root, env: userEnv(root, hub) });
}

async function succeed(...args: readonly string[]): Promise<string> {
  const ended = await catwalk(...args);
  expect([args.join(" "), ended.status, ended.err]).toEqual([args.join(" "), 0, ""]);
  return ended.out;
}

test("[CLI4] an operator's story: mesh, clusters, RCC, grant, listings, removal", async () => {
  await succeed("mesh", "create", "demo");
  const token = await succeed(
    "cluster",
    "add",
    "app",
    "--cidr",
    "10.10.0.0/16",
    "--cidr",
    "fd10::/64",
  );
  expect(token).toMatch(/\ncwj_demo_[0-9a-f]{48}\n$/);
  expect(JSON.parse(await succeed("cluster", "add", "db", "-o", "json"))).toEqual({
    joinToken: expect.stringMatching(/^cwj_demo_/),
    expiresAt: expect.any(String),
  });
  expect(JSON.parse(await succeed("cluster", "token", "db", "-o", "json"))).toMatchObject({
    joinToken: expect.stringMatching(/^cwj_demo_/),
  });
  const file = join(root, "rcc.yaml");
  writeFileSync(
    file,
    "apiVersion: projectcalico.org/v3\nkind: RemoteClusterConfiguration\nmetadata:\n  name: db\n",
  );
  expect(await succeed("rcc", "apply", "-f", file, "--cluster", "app")).toBe(
    "RCC db of app names db (not-granted)\n",
  );
  await succeed("grant", "create", "--cluster", "db", "--to", "app");
  expect(await succeed("rcc", "list", "--cluster", "app")).toBe(
    "NAME  REMOTE  STATE\ndb    db      granted\n",
  );
  expect(await succeed("cluster", "list", "-o", "name")).toBe("app\ndb\n");
  expect(await succeed("grant", "list", "--cluster", "db", "-o", "name")).toBe("db/app\n");
  expect(await succeed("status")).toMatch(/^RCC +REMOTE +CONNECTION.*\napp\/db +db +Unknown/);
  expect(await succeed("quarantine", "list")).toBe("nothing is in quarantine\n");
  await succeed("grant", "delete", "--cluster", "db", "--to", "app");
  // What `get` prints can be applied again.
  writeFileSync(file, await succeed("rcc", "get", "db", "--cluster", "app", "-o", "yaml"));
  await succeed("rcc", "apply", "-f", file, "--cluster", "app");
  await succeed("rcc", "delete", "db", "--cluster", "app");
  await succeed("cluster", "remove", "db");
  await succeed("mesh", "delete", "demo");
  expect(await succeed("mesh", "list", "-o", "json")).toBe('{\n  "items": []\n}\n');
});

test("[CLI4] an operator's story: a grant that shows a part, narrowed, widened and listed", async () => {
  const inMesh = ["--mesh", "parts"];
  const pair = ["--cluster", "db", "--to", "app", ...inMesh];
  await succeed("mesh", "create", "parts");
  for (const name of ["app", "db"]) await succeed("cluster", "add", name, ...inMesh);
  const hint = " (app has no RCC that names db yet)\n";
  expect(
    await succeed("grant", "create", ...pair, "--namespace", "shop,pay", "--label", "role"),
  ).toBe(`db grants app: namespaces pay,shop; labels role${hint}`);
  const refused = await catwalk("grant", "create", ...pair);
  expect([refused.status, refused.out]).toEqual([1, ""]);
  expect(refused.err).toContain("already grants app namespaces pay,shop; labels role: use apply");
  expect(await succeed("grant", "apply", ...pair, "--selector", "role == 'db'")).toBe(
    `db grants app: selector role == "db"${hint}`,
  );
  expect(await succeed("grant", "list", ...inMesh)).toBe(
    'CLUSTER  TO   SCOPE                  USED\ndb       app  selector role == "db"  no RCC\n',
  );
  expect(JSON.parse(await succeed("grant", "list", ...inMesh, "-o", "json"))).toMatchObject({
    items: [{ scope: { selector: 'role == "db"' } }],
  });
  expect(await succeed("grant", "apply", ...pair)).toBe(`db grants app: all${hint}`);
  expect(await succeed("grant", "list", ...inMesh)).toMatch(/\ndb +app +- +no RCC\n$/);
  await succeed("grant", "delete", ...pair);
  await succeed("mesh", "delete", "parts");
});

test("[CLI1] a usage error ends with 2, a failure with 1, and both are told on stderr only", async () => {
  const file = join(root, "bad.yaml");
  writeFileSync(file, "a: 1\n---\nkind: [\n");
  const cases = [
    [["rcc", "get", "x"], 2, "required option '--cluster"],
    [["nonsense"], 2, "unknown command"],
    [["mesh", "list", "-o", "xml"], 2, "Allowed choices"],
    [["mesh", "list", "--server", "nonsense"], 2, "must be an http or https URL"],
    [["mesh", "list", "--token-file", "nowhere"], 2, "nowhere"],
    [["wait", "--for", "in-sync", "--cluster", "a", "--timeout", "soon"], 2, "--timeout soon"],
    [["mesh", "get", "other"], 1, "the hub has no mesh named other"],
    [["mesh", "create", "Bad"], 1, "name: must have 1 to 63"],
    [["mesh", "list", "--server", "http://127.0.0.1:1"], 1, "cannot reach the hub"],
    [["rcc", "apply", "-f", file, "--cluster", "app"], 1, "bad.yaml:4: "],
    [["hub", "--data", root, "--listen", "x"], 1, "must be HOST:PORT"],
  ] as const;
  for (const [args, status, words] of cases) {
    const ended = await catwalk(...args);
    expect([args.join(" "), ended.status, ended.out]).toEqual([args.join(" "), status, ""]);
    expect(ended.err).toContain(words);
  }
});

const RCC = "apiVersion: projectcalico.org/v3\nkind: RemoteClusterConfiguration\n";

test("[CLI6] bad input is told with its field, or flag, and the rule", async () => {
  await succeed("mesh", "create", "odd");
  const inMesh = ["--mesh", "odd"];
  await succeed("cluster", "add", "app", ...inMesh);
  const file = join(root, "odd.yaml");
  const wrong = join(root, "wrong-token");
  writeFileSync(wrong, "0123\n");
  const tooLong = "a".repeat(64);
  for (const [text, told] of [
    ["[1, 2]", "odd.yaml:1: document: must be an object"],
    ["apiVersion: v1\nkind: Secret\n", 'kind: must be RemoteClusterConfiguration, not "Secret"'],
    [RCC, "metadata: must be an object with a name"],
    [`${RCC}metadata: {}`, "metadata.name: must be set"],
    [`${RCC}metadata: {name: 5}`, "metadata.name: must be a string"],
    [`${RCC}metadata: {name: DB}`, 'metadata.name: "DB" must have 1 to 63 characters'],
    [`${RCC}metadata: {name: ${tooLong}}`, "must have 1 to 63 characters: lower-case letters"],
    [`${RCC}metadata: {name: db}`, "RCC db names cluster db, which is not a member"],
    [`${RCC}metadata: {name: app}`, "RCC app names its own cluster app"],
    [`${RCC}metadata: {name: db}\nspec: 7`, "spec: "],
    [`${RCC}metadata: {name: db}\nspec: {foo: 1}`, "spec.foo: is not a known field"],
    [
      `apiVersion: v1\nkind: List\nitems:\n- {kind: Pod}`,
      'kind: must be RemoteClusterConfiguration, not "Pod"',
    ],
  ] as const) {
    writeFileSync(file, text);
    const { status, err } = await catwalk(
      "rcc",
      "apply",
      "-f",
      file,
      "--cluster",
      "app",
      ...inMesh,
    );
    expect([text, status]).toEqual([text, 1]);
    expect(err).toContain(told);
  }
  for (const [args, status, told] of [
    [["rcc", "apply", "-f", root, "--cluster", "app"], 2, `--file ${root}: EISDIR`],
    [["cluster", "add", tooLong], 1, "name: must have 1 to 63"],
    [["cluster", "add", "b", "--cidr", "10.0.0.0"], 1, "10.0.0.0 has no prefix length"],
    [["cluster", "add", "b", "--cidr", "10.0.0.1/8"], 1, "write 10.0.0.0/8"],
    [["grant", "create", "--cluster", "app", "--to", "nobody"], 1, "no cluster named nobody"],
    [
      ["grant", "apply", "--cluster", "app", "--to", "b", "--namespace", "Shop"],
      2,
      '--namespace "Shop": must be a Kubernetes namespace name',
    ],
    [["wait", "--for", "in-sync", "--cluster", "nobody"], 1, "no cluster named nobody"],
    [["status", "--token-file", wrong], 1, `does not take this admin token (of ${wrong})`],
    [["status", "--token-file", file], 2, `the admin token (of ${file}) must be one line`],
  ] as const) {
    const ended = await catwalk(...args, ...inMesh);
    expect([args.join(" "), ended.status, ended.out]).toEqual([args.join(" "), status, ""]);
    expect(ended.err).toContain(told);
  }
  for (const [args, told] of [
    [[], "state: is needed"],
    [["--state", root, "--hub", "nonsense"], "hub: must be an http or https URL"],
    [["--state", root, "--join-token", "x"], "joinToken: must look like cwj_<mesh>_"],
  ] as const) {
    const { status, err } = await catwalk("relay", ...args);
    expect([status, err]).toEqual([2, expect.stringContaining(told)]);
  }
  expect(await succeed("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("[CLI5] every command's help has one working example", async () => {
  for (const args of [
    ["hub"],
    ["mesh", "create"],
    ["cluster", "add"],
    ["rcc", "apply"],
    ["grant", "create"],
    ["grant", "apply"],
    ["status"],
    ["quarantine", "list"],
    ["wait"],
  ])
    expect(await succeed(...args, "--help")).toContain(`\nExample:\n  catwalk ${args.join(" ")}`);
});

test("[CLI40] every document of a file is looked at before the first is applied, and the answer says what is not served", async () => {
  await succeed("mesh", "create", "docs");
  const inMesh = ["--mesh", "docs"];
  for (const name of ["app", "db", "web"]) await succeed("cluster", "add", name, ...inMesh);
  const file = join(root, "docs.json");
  const apply = ["rcc", "apply", "-f", file, "--cluster", "app", ...inMesh];
  const typed = (items: readonly object[]) =>
    JSON.stringify({
      apiVersion: "projectcalico.org/v3",
      kind: "RemoteClusterConfigurationList",
      items,
    });
  const db = { metadata: { name: "db", finalizers: ["x"] }, spec: null };
  writeFileSync(file, typed([db, { metadata: { name: "web" }, spec: { etcdEndpoints: 5 } }]));
  const wrong = await catwalk(...apply);
  expect([wrong.status, wrong.out]).toEqual([1, ""]);
  expect(wrong.err).toContain("docs.json:1: spec.etcdEndpoints: must be a string");
  expect(await succeed("rcc", "list", ...inMesh)).toBe("no RCCs\n");

  const secret = { clusterAccessSecret: { name: "s", namespace: "n" } };
  const overlay = { syncOptions: { overlayRoutingMode: "Enabled" } };
  writeFileSync(
    file,
    typed([
      { ...db, spec: overlay },
      { metadata: { name: "far" }, spec: secret },
    ]),
  );
  expect(await succeed(...apply)).toBe(
    "RCC db of app names db (not-granted)\n" +
      "RCC far of app is kept, and NotServed: it names no member\n" +
      "  spec.clusterAccessSecret:\n" +
      "    NotServed: a hub reads no datastore; relays of the cluster do\n",
  );
  expect(await succeed("rcc", "list", ...inMesh)).toBe(
    "CLUSTER  NAME  REMOTE  STATE\n" +
      "app      db    db      not-granted\n" +
      "app      far   -       NotServed (clusterAccessSecret)\n",
  );
  expect(await succeed("status", ...inMesh)).toMatch(
    /app\/far +spec.clusterAccessSecret +nothing\n/,
  );
  const waited = await catwalk("wait", "--for=in-sync", "--cluster=app", "--timeout=1s", ...inMesh);
  expect([waited.status, waited.err]).toEqual([
    1,
    expect.stringContaining("RCC app/far is NotServed and never gets in sync"),
  ]);
  await succeed("mesh", "delete", "docs");
});
