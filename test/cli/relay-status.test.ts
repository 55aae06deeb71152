import { expect, test } from "vitest";

import { renderStatus } from "../../cli/commands/relay-status.ts";
import { relayStatusSchema } from "../../shared/api/relay.ts";

const STATUS = {
  cluster: "db",
  mesh: "demo",
  hub: "connected",
  hubAgeSeconds: 0,
  message: null,
  accessVersion: 3,
  source: { listed: true, records: 7, problems: [] },
  publisher: null,
  remotes: [],
};

test("[EXP4] `catwalk relay status` shows the policy, how much leaves, and why the file does not count", () => {
  const exports = { summary: "no namespaces vault", problem: "it is not YAML", records: 5 };
  const shown = renderStatus(relayStatusSchema.parse({ ...STATUS, exports }));
  expect(shown).toMatch(/keeps back +no namespaces vault; 5 records leave\n +it is not YAML/);
});

test("[CRD9] `catwalk relay status` shows who writes custom resources, and what is wrong", () => {
  const of = (resources: object): string =>
    renderStatus(relayStatusSchema.parse({ ...STATUS, resources }));
  const mine = { isWriter: true, holder: "me", problems: ["no CRD"] };
  expect(of(mine)).toMatch(/custom resources +this relay writes them\n +no CRD/);
  expect(of({ isWriter: false, holder: "a_1", problems: [] })).toContain("a_1 writes them");
  expect(of({ isWriter: false, holder: "", problems: [] })).toContain("nobody writes them");
  expect(renderStatus(relayStatusSchema.parse(STATUS))).not.toContain("custom resources");
});

test("[DIR19] `catwalk relay status` shows whom the relay tells, what waits and why", () => {
  const ops = { name: "ops", host: "ops.example", waiting: 2, problem: null, isDisabled: false };
  const of = (told: object | null): string => {
    const direct = { problem: null, remotes: [], refused: [], told };
    return renderStatus(relayStatusSchema.parse({ ...STATUS, direct }));
  };
  const gone = { ...ops, name: "old", waiting: 0, problem: "answered 410", isDisabled: true };
  const mine = of({ isTeller: true, webhooks: [ops, gone] });
  expect(mine).toMatch(/tells ops +ops\.example, 2 events wait\n/);
  expect(mine).toMatch(/tells old +ops\.example, told nothing more: answered 410\n/);
  expect(of({ isTeller: false, webhooks: [ops] })).toContain("another relay of the cluster tells");
  expect(of(null)).not.toContain("tells");
});
