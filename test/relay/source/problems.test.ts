import { pino } from "pino";
import { expect, test } from "vitest";

import { SourceProblems } from "../../../relay/source/problems.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { pod, pool, putOf } from "../../support/records.ts";

const FORGED = { "catwalk.dev/cluster": "db" };

function look(problems: SourceProblems, ...records: readonly CalicoRecord[]): void {
  problems.checkLabels(records.map((record) => putOf(record)));
}

test("[SRC90] local objects with labels of catwalk.dev are told by name, each with its labels, until they are gone", () => {
  const problems = new SourceProblems(pino({ level: "silent" }));
  look(problems, pod("web", "10.0.0.1", { app: "web" }), pool("10.0.0.0/16"));
  look(problems, pod("sly", "10.0.0.2", { ...FORGED, "role.db.catwalk.dev/x": "y" }));
  look(problems, {
    kind: "Profile",
    name: "kns.shop",
    labels: { "pcns.db.catwalk.dev/role": "a" },
  });
  look(problems, { kind: "Profile", name: "ksa.shop.a.b", labels: { "pcsa.catwalk.dev/x": "a" } });
  const host: CalicoRecord = {
    kind: "HostEndpoint",
    node: "node-1",
    name: "eth0-of-1",
    interfaceName: "eth0",
    ips: [],
    labels: FORGED,
    profiles: [],
    ports: [],
  };
  look(problems, host);
  expect(problems.all.map(({ object }) => object)).toEqual([
    "labels of Pod shop/sly",
    "labels of Namespace shop",
    "labels of ServiceAccount shop/a.b",
    "labels of HostEndpoint eth0-of-1",
  ]);
  expect(problems.all[0]?.message).toMatch(/^catwalk.dev\/cluster, role.db.catwalk.dev\/x: /);
  look(problems, pod("sly", "10.0.0.2", { app: "web" }));
  problems.checkLabels([{ op: "delete", key: keyOf(host), cause: "observed" }]);
  expect(problems.all).toHaveLength(2);
});

test("[SRC90] an object that changes and keeps its labels is one line in the log; other labels are another", () => {
  let lines = 0;
  const log = pino({ level: "warn" }, { write: () => void lines++ });
  const problems = new SourceProblems(log);
  for (let n = 0; n < 5; n++) look(problems, pod("sly", `10.0.0.${n}`, FORGED));
  expect([lines, problems.all.length]).toEqual([1, 1]);
  look(problems, pod("sly", "10.0.0.9", { "catwalk.dev/other": "x" }));
  expect([lines, problems.all.length]).toEqual([2, 1]);
});

test("[SRC90] domains that only look like it are nobody's business", () => {
  const problems = new SourceProblems(pino({ level: "silent" }));
  const others = { "notcatwalk.dev/a": "", "catwalk.dev": "", "catwalk.dev.example.com/a": "" };
  look(problems, pod("web", "10.0.0.1", others));
  expect(problems.all).toEqual([]);
});
