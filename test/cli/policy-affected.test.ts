/** `catwalk policy --affected-by`, by the very example of the documentation. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Ended } from "../support/catwalk-command.ts";
import { catwalkHere } from "../support/catwalk-here.ts";
import { MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();
const catwalk = (...args: readonly string[]): Promise<Ended> =>
  catwalkHere(args, { cwd: rig.root, env: rig.env });

const DOCUMENT = readFileSync(
  join(import.meta.dirname, "../../docs/namespace-sameness.md"),
  "utf8",
);

beforeAll(async () => {
  await rig.startDemo();
  // The files of the example, under the names in their first lines.
  for (const [, name, text] of DOCUMENT.matchAll(/```yaml\n# ([\w.-]+)\n([^]*?)```/g))
    writeFileSync(join(rig.root, name ?? ""), text ?? "");
  // The example is about an RCC that is not applied yet.
  await catwalk("rcc", "delete", "db", "--cluster", "app");
});

afterAll(() => rig.stop());

/** The commands of the document, with what it says that they print. */
const CONSOLES = [...DOCUMENT.matchAll(/```console\n\$ catwalk ([^\n]+)\n([^]*?)```/g)].map(
  ([, command, printed]) => ({ command: command ?? "", printed: printed ?? "" }),
);

test("[CLI14] each command of the documentation prints what is written there", async () => {
  expect(CONSOLES.length).toBeGreaterThan(1);
  for (const { command, printed } of CONSOLES) {
    const ended = await catwalk(...command.split(" "));
    expect([ended.status, ended.out], command).toEqual([0, printed]);
  }
});

const FROM_FILE = ["-f", "policies.yaml", "--cluster", "app"];

async function summaryOf(...args: readonly string[]) {
  const ended = await catwalk("policy", ...args, ...FROM_FILE, "-o", "json");
  expect([ended.status, args]).toEqual([0, args]);
  return JSON.parse(ended.out) as {
    readonly applied: boolean;
    readonly endpoints: number;
    readonly endpointsNow: number;
    readonly policies: readonly {
      readonly name: string;
      readonly rules: readonly {
        readonly before: number;
        readonly joining: readonly { readonly endpoint: string }[];
        readonly leaving: readonly { readonly endpoint: string }[];
      }[];
    }[];
  };
}

/** `name: now +joining -leaving` of each rule. */
const effects = ({ policies }: Awaited<ReturnType<typeof summaryOf>>) =>
  policies.flatMap(({ name, rules }) =>
    rules.map(
      ({ before, joining, leaving }) => `${name}: ${before} +${joining.length} -${leaving.length}`,
    ),
  );

test("[CLI14] -o json has every endpoint, and a NAME narrows", async () => {
  const summary = await summaryOf("shop/same-namespace", "--affected-by", "db.yaml");
  expect(summary).toMatchObject({
    cluster: "app",
    rcc: "db",
    remote: "db",
    labels: "original",
    applied: false,
    grantAssumed: false,
    endpointsNow: 0,
    endpoints: 12,
    refused: 0,
    policiesRead: 1,
    policies: [{ kind: "NetworkPolicy", namespace: "shop", name: "same-namespace" }],
    unreadable: [],
  });
  expect(effects(summary)).toEqual(["same-namespace: 3 +7 -0"]);
});

test("[CLI14] the answer is against what is now: an RCC in effect changes nothing, its deletion takes, another label mode gives and takes", async () => {
  await catwalk("rcc", "apply", "-f", "db.yaml", "--cluster", "app");
  const same = await catwalk("policy", "--affected-by", "db", ...FROM_FILE);
  expect(same.out).toBe(
    "RCC db is in effect: app sees 12 endpoints of db, labels as they are.\nNo rule of 4 policies changes.\n",
  );
  const deleted = await summaryOf("--affected-by", "db", "--deleted");
  expect(deleted).toMatchObject({ applied: true, endpointsNow: 12, endpoints: 0 });
  expect(effects(deleted)).toContain("same-namespace: 11 +0 -7");
  const text = await catwalk("policy", "--affected-by", "db", "--deleted", ...FROM_FILE);
  expect(text.out).toMatch(/^RCC db, deleted, would take from app 12 endpoints of db\./);
  expect(text.out).toContain("    7 endpoints that it would not match any more; 11 addresses now");
  expect(text.out).toMatch(/\n {4}- 10\.20\.1\.7\/32 +db\/node-1\/k8s\/shop\.postgres-0\/eth0\n/);
  expect(effects(await summaryOf("--affected-by", "db-prefixed.yaml"))).toContain(
    "same-namespace: 11 +0 -7",
  );
});

test("[CLI14] a grant may be asked about: narrowed, taken away, given anew", async () => {
  const part = await summaryOf("--affected-by-grant", "db", "--selector", "role == 'postgres'");
  expect(part).toMatchObject({ applied: true, endpointsNow: 12 });
  expect(effects(part)).toContain("same-namespace: 11 +0 -6");
  const gone = await summaryOf("--affected-by-grant", "db", "--deleted");
  expect(effects(gone)).toEqual(effects(await summaryOf("--affected-by", "db", "--deleted")));
  await catwalk("grant", "delete", "--cluster", "db", "--to", "app");
  expect(effects(await summaryOf("--affected-by-grant", "db"))).toContain(
    "same-namespace: 3 +7 -0",
  );
  const assumed = await catwalk("policy", "--affected-by", "db", ...FROM_FILE);
  expect(assumed.out).toContain(
    "db has not granted it: this is what it would be if all were granted.\n",
  );
  await catwalk("grant", "create", "--cluster", "db", "--to", "app");
});

test("[CLI14] without -f the policies are those of the cluster's relay", async () => {
  const about = ["--affected-by", "db", "--deleted", "--cluster", "app"];
  const affected = await catwalk("policy", ...about, "--relay", rig.relay("app").url);
  expect(affected.out).toMatch(/NetworkPolicy shop\/allow-db\n {2}egress\[0\] Allow destination/);
});

test("[CLI14] [SEL7] what cannot be done says why, with file, field and rule", async () => {
  writeFileSync(
    join(rig.root, "odd.yaml"),
    "apiVersion: projectcalico.org/v3\nkind: RemoteClusterConfiguration\nmetadata: { name: db, annotations: { catwalk.dev/labels: yes } }\n",
  );
  const tell = async (...args: readonly string[]) => {
    const { status, err } = await catwalk("policy", "--cluster", "app", ...args);
    return `${status} ${err.split("\n")[0]}`;
  };
  const policies = ["-f", "policies.yaml"];
  expect(await tell("--affected-by", "odd.yaml", ...policies)).toMatch(
    /^2 error: odd\.yaml:1: metadata\.annotations/,
  );
  expect(await tell("--affected-by", "gone.yaml", ...policies)).toMatch(
    /^2 error: --affected-by gone\.yaml: ENOENT/,
  );
  expect(await tell("--affected-by", "nobody", ...policies)).toMatch(/^1 error: .*nobody/);
  expect(await tell("--affected-by", "nobody", "--deleted", ...policies)).toMatch(
    /^1 error: cluster app has no RCC named nobody/,
  );
  expect(await tell("--affected-by-grant", "nobody", ...policies)).toMatch(
    /^1 error: the mesh has no cluster named nobody/,
  );
  expect(await tell("--affected-by", "db", "--namespace", "shop", ...policies)).toMatch(
    /^2 error: --kind, --namespace, --selector and --label .* need --affected-by-grant/,
  );
  expect(await tell("--deleted", ...policies)).toMatch(/^2 error: --deleted: needs/);
  expect(await tell("--affected-by", "db")).toMatch(/^1 error: policies never leave their cluster/);
});
