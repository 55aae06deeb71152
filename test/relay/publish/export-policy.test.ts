import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import type { CalicoRecord, WorkloadEndpoint } from "../../../shared/record/record.ts";
import { Exported } from "../../../relay/publish/exported.ts";
import { ExportFile } from "../../../relay/publish/export-file.ts";
import {
  exporterOf,
  exportReportOf,
  parseExportPolicy,
} from "../../../relay/publish/export-policy.ts";
import type { ExportPolicy } from "../../../relay/publish/export-policy.ts";
import { LocalState } from "../../../relay/publish/local-state.ts";
import { node, pod, pool, putOf } from "../../support/records.ts";

const folder = mkdtempSync(join(tmpdir(), "catwalk-export-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HEAD = { apiVersion: "catwalk.dev/v1", kind: "ExportPolicy" };

function policyOf(fields: object): ExportPolicy {
  const parsed = parseExportPolicy({ ...HEAD, ...fields });
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.policy;
}

const inNamespace = (namespace: string, name: string, ip: string): WorkloadEndpoint => ({
  ...pod(name, ip, { role: "x", "internal.example/owner": "me" }),
  namespace,
});
const profile = (name: string): CalicoRecord => ({
  kind: "Profile",
  name,
  labels: { "pcns.tier": "gold" },
});
const service = (namespace: string): CalicoRecord => ({
  kind: "ServiceChange",
  namespace,
  service: "pg",
  atMs: 1,
});

const nameOf = (record: CalicoRecord): string =>
  "name" in record ? record.name : "namespace" in record ? record.namespace : record.kind;

const ALL: readonly CalicoRecord[] = [
  inNamespace("shop", "web", "10.20.0.1"),
  inNamespace("vault", "secret", "10.20.0.2"),
  profile("kns.shop"),
  profile("kns.vault"),
  profile("ksa.vault.default"),
  service("shop"),
  service("vault"),
  pool("10.20.0.0/16"),
  node("node-1"),
];

const left = (fields: object): string[] => {
  const exporter = exporterOf(policyOf(fields));
  return ALL.flatMap((record) => exporter(record) ?? []).map(nameOf);
};

test.each<[string, object | null, RegExp]>([
  ["nothing", null, /object/],
  ["an unknown field", { namespace: {} }, /namespace/],
  ["a kind that stays", { kinds: { exclude: ["Node"] } }, /kinds\.exclude/],
  ["a namespace that is none", { namespaces: { include: ["Shop"] } }, /namespaces\.include/],
  ["an empty list", { labels: { keep: [] } }, /labels\.keep/],
  ["a consumer that is none", { consumers: { exclude: ["a b"] } }, /consumers\.exclude/],
])("[EXP1] a policy is read strictly: %s", (_, fields, said) => {
  const parsed = parseExportPolicy(fields === null ? null : { ...HEAD, ...fields });
  expect(parsed.ok ? "taken" : parsed.problem).toMatch(said);
});

test("[EXP2] a namespace takes its endpoints, profiles and Services with it; pools and nodes stay", () => {
  const kept = ["web", "kns.shop", "shop", "IPPool", "node-1"];
  expect(left({ namespaces: { exclude: ["vault"] } })).toEqual(kept);
  expect(left({ namespaces: { include: ["shop"] } })).toEqual(kept);
  expect(left({ namespaces: { include: ["shop", "vault"], exclude: ["vault"] } })).toEqual(kept);
  expect(left({ kinds: { exclude: ["Service"] } })).not.toContain("shop");
  const noEndpoints = left({ kinds: { exclude: ["WorkloadEndpoint", "HostEndpoint"] } });
  expect(noEndpoints).toEqual(["shop", "vault", "IPPool", "node-1"]);
  expect(left({})).toHaveLength(ALL.length);
});

test("[EXP2] labels leave by their keys, or by the beginning of their keys, of endpoints and profiles", () => {
  const labels = (fields: object): string[] => {
    const exporter = exporterOf(policyOf({ labels: fields }));
    return ALL.flatMap((record) => exporter(record) ?? []).flatMap((record) =>
      "labels" in record ? Object.keys(record.labels) : [],
    );
  };
  const dropped = labels({ drop: ["internal.example/*", "pcns.tier"] });
  expect(new Set(dropped)).toEqual(
    new Set(["role", "projectcalico.org/namespace", "projectcalico.org/orchestrator"]),
  );
  expect(new Set(labels({ keep: ["role", "pcns.*"] }))).toEqual(new Set(["role", "pcns.tier"]));
  expect(labels({ keep: ["role"], drop: ["role"] })).toEqual([]);
});

test("[EXP2] what is published has no byte of what is kept back; the cluster itself holds it all", () => {
  const local = new LocalState();
  const exported = new Exported(
    local,
    policyOf({ namespaces: { exclude: ["vault"] }, labels: { drop: ["internal.example/*"] } }),
  );
  const sent = ALL.flatMap((record) => exported.applyChange(putOf(record)) ?? []);
  const bytes = sent.map(({ change }) =>
    change.op === "put" ? Buffer.from(change.bytes).toString("latin1") : "",
  );
  expect(sent).toHaveLength(exported.size);
  for (const secret of ["vault", "secret", "10.20.0.2", "internal.example"])
    expect([secret, bytes.some((text) => text.includes(secret))]).toEqual([secret, false]);
  expect([local.size, exported.size]).toEqual([ALL.length, 5]);
  const [, secret] = ALL.map((record) => putOf(record));
  if (secret?.op !== "put") throw new Error("it is a put");
  expect(exported.get(secret.keyHash)).toBeUndefined();
  expect(exported.trie("identity").get(secret.keyHash)).toBeUndefined();
  const deletion = { op: "delete", key: secret.key, cause: "observed" } as const;
  expect(exported.applyChange(deletion)).toBeNull();
  expect(local.size).toBe(ALL.length - 1);
});

test("[EXP3] another policy withdraws what it keeps back, sends what it no more does, and changes nothing else", () => {
  const exported = new Exported(new LocalState(), policyOf({ namespaces: { exclude: ["vault"] } }));
  for (const record of ALL) exported.applyChange(putOf(record));
  const changesBy = (fields: object): string[] =>
    exported
      .setPolicy(policyOf(fields))
      .flatMap((change) => exported.applyChange(change) ?? [])
      .map(({ change }) =>
        change.op === "put" ? "put" : `delete ${change.op === "delete" ? change.cause : ""}`,
      );
  expect(changesBy({ namespaces: { exclude: ["vault"] } })).toEqual([]);
  expect(changesBy({ namespaces: { exclude: ["vault", "shop"] } })).toEqual(
    Array.from({ length: 3 }, () => "delete observed"),
  );
  expect(changesBy({})).toEqual(Array.from({ length: 7 }, () => "put"));
});

test("[EXP4] the file is followed; one that is wrong or gone leaves the last policy in force, and is told once", async () => {
  const path = join(folder, "export.yaml");
  const write = (namespaces: string): void =>
    writeFileSync(
      path,
      `apiVersion: catwalk.dev/v1\nkind: ExportPolicy\nnamespaces: ${namespaces}\n`,
    );
  write("{ exclude: [vault] }");
  const said: string[] = [];
  let look: () => void = () => undefined;
  const ports = { after: (_: number, then: () => void) => ((look = then), () => undefined) };
  const log = { warn: (text: string) => said.push(text), info: () => undefined };
  const file = new ExportFile(path, ports as never, log as never);
  const policies: ExportPolicy[] = [];
  file.follow((policy) => policies.push(policy));
  const turn = async (isDone: () => boolean): Promise<void> => {
    look();
    await expect.poll(isDone).toBe(true);
  };
  write("{ exclude: [Vault] }");
  await turn(() => file.problem !== null);
  expect(file.problem).toMatch(/export\.yaml: namespaces\.exclude.*the last one stays in force$/);
  rmSync(path);
  await turn(() => file.problem?.includes("ENOENT") === true);
  expect([file.policy.namespaces?.exclude, policies, said.length]).toEqual([["vault"], [], 2]);
  write("{ exclude: [shop] }");
  await turn(() => policies.length === 1);
  expect([file.policy.namespaces?.exclude, file.problem]).toEqual([["shop"], null]);
  file.stop();
});

test("[EXP1] a relay does not start with a file that is not there, or wrong: it says which, and what of it", () => {
  const open = (path: string) => new ExportFile(path, {} as never, {} as never);
  expect(() => open(join(folder, "none.yaml"))).toThrow(/--export-policy .*none\.yaml: ENOENT/);
  const path = join(folder, "wrong.yaml");
  writeFileSync(path, "kind: [");
  expect(() => open(path)).toThrow(/--export-policy .*wrong\.yaml: /);
});

test("[EXP5] the hub is told the policy in one line, and its consumers", () => {
  const policy = policyOf({
    namespaces: { exclude: ["a", "b", "c", "d", "e", "f"] },
    consumers: { include: ["web", "app"] },
  });
  expect(exportReportOf(policy)).toEqual({
    summary: "no namespaces a, b, c, d, e and 1 more; only consumers web, app",
    include: ["app", "web"],
  });
  expect(exportReportOf(policyOf({})).summary).toBe("nothing is kept back");
});
