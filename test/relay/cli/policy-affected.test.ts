/** `catwalk policy --affected-by`, by the very example of the documentation. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { MeshRig } from "../../support/mesh-rig.ts";

const rig = new MeshRig();
const DOCUMENT = readFileSync(
  join(import.meta.dirname, "../../../docs/namespace-sameness.md"),
  "utf8",
);

beforeAll(async () => {
  await rig.startDemo();
  // The files of the example, under the names in their first lines.
  for (const [, name, text] of DOCUMENT.matchAll(/```yaml\n# ([\w.-]+)\n([^]*?)```/g))
    writeFileSync(join(rig.root, name ?? ""), text ?? "");
}, 60_000);

afterAll(() => rig.stop());

/** The commands of the document, with what it says that they print. */
const CONSOLES = [...DOCUMENT.matchAll(/```console\n\$ catwalk ([^\n]+)\n([^]*?)```/g)].map(
  ([, command, printed]) => ({ command: command ?? "", printed: printed ?? "" }),
);

test(
  "[CLI14] each command of the documentation prints what is written there",
  { timeout: 60_000 },
  async () => {
    expect(CONSOLES.length).toBeGreaterThan(1);
    for (const { command, printed } of CONSOLES) {
      const ended = await rig.catwalk(...command.split(" "));
      expect([ended.status, ended.out], command).toEqual([0, printed]);
    }
  },
);

test(
  "[CLI14] -o json has every endpoint; a NAME narrows, and an RCC that is applied is named",
  { timeout: 60_000 },
  async () => {
    const about = ["shop/same-namespace", "--affected-by", "db", "--cluster", "app"];
    const relay = ["--relay", rig.relay("app").url];
    const affected = await rig.catwalk(
      "policy",
      ...about,
      ...relay,
      "-f",
      "policies.yaml",
      "-o",
      "json",
    );
    const summary = JSON.parse(affected.out) as unknown;
    expect(summary).toMatchObject({
      cluster: "app",
      rcc: "db",
      remote: "db",
      labels: "original",
      applied: true,
      endpoints: 12,
      refused: 0,
      policiesRead: 1,
      policies: [
        {
          kind: "NetworkPolicy",
          namespace: "shop",
          name: "same-namespace",
          rules: [{ direction: "ingress", rule: 0, side: "source", before: 3, isNegated: false }],
        },
      ],
      unreadable: [],
    });
    const { policies } = summary as { policies: { rules: { joining: unknown[] }[] }[] };
    expect(policies[0]?.rules[0]?.joining).toHaveLength(7);
  },
);

test(
  "[CLI14] without -f the policies are those of the cluster's relay",
  { timeout: 60_000 },
  async () => {
    const about = ["--affected-by", "db", "--cluster", "app", "--relay", rig.relay("app").url];
    const affected = await rig.catwalk("policy", ...about);
    expect(affected.out).toMatch(/^RCC db gives app 12 endpoints of db, labels as they are\./);
    expect(affected.out).toMatch(/NetworkPolicy shop\/allow-db\n {2}egress\[0\] Allow destination/);
  },
);

test(
  "[CLI14] [SEL7] what cannot be done says why, with file, field and rule",
  { timeout: 60_000 },
  async () => {
    writeFileSync(
      join(rig.root, "odd.yaml"),
      "apiVersion: projectcalico.org/v3\nkind: RemoteClusterConfiguration\nmetadata: { name: db, annotations: { catwalk.dev/labels: yes } }\n",
    );
    const tell = async (...args: readonly string[]) => {
      const { status, err } = await rig.catwalk("policy", "--cluster", "app", ...args);
      return `${status} ${err.split("\n")[0]}`;
    };
    const policies = ["-f", "policies.yaml"];
    expect(await tell("--affected-by", "odd.yaml", ...policies)).toMatch(
      /^2 error: odd\.yaml: metadata\.annotations/,
    );
    expect(await tell("--affected-by", "gone.yaml", ...policies)).toMatch(
      /^2 error: gone\.yaml: ENOENT/,
    );
    expect(await tell("--affected-by", "nobody", ...policies)).toMatch(/^1 error: .*nobody/);
    expect(await tell("--affected-by", "db")).toMatch(
      /^1 error: policies never leave their cluster/,
    );
  },
);
