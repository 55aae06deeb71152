/** A relay obeys what was decided at the hub about exactly the holds that it has. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { LocalState } from "../../../relay/publish/local-state.ts";
import type { Obeyed } from "../../../relay/publish/withdrawals/obeyed.ts";
import { Withdrawals } from "../../../relay/publish/withdrawals/withdrawals.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { parseAccessFacts } from "../../../shared/visibility/parse-facts.ts";
import { address, pod, putOf } from "../../support/records.ts";

const root = mkdtempSync(join(tmpdir(), "catwalk-withdrawals-"));
afterAll(() => rmSync(root, { recursive: true }));
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A relay whose list has lost all of its pods. */
function holding() {
  const local = new LocalState();
  const obeyed: Obeyed[] = [];
  const told: number[] = [];
  const withdrawals = new Withdrawals({
    stateDir: mkdtempSync(join(root, "state-")),
    local,
    holdMs: 600_000,
    ports: { after: () => () => undefined, wallMs: () => 5_000_000 },
    log: log as never,
    onObeyed: (one) => obeyed.push(one),
    onHeld: () => told.push(withdrawals.held().length),
  });
  const pods = Array.from({ length: 60 }, (_, n) => pod(`p${n}`, address(n)));
  for (const change of withdrawals.judgeChanges(pods.map((one) => putOf(one))).changes)
    local.applyChange(change);
  const gone = pods.map((one): EncodedChange => ({
    op: "delete",
    key: keyOf(one),
    cause: "inferred",
  }));
  expect(withdrawals.judgeChanges(gone).changes).toEqual([]);
  const [hold] = withdrawals.held();
  expect(hold).toMatchObject({ keys: 60, sinceMs: 5_000_000, untilMs: 5_600_000 });
  return { withdrawals, obeyed, told, collection: hold?.collection ?? "" };
}

test("[PUB20] a confirmed hold is withdrawn at once, and once", () => {
  const { withdrawals, obeyed, told, collection } = holding();
  // The hub is told at once, when something else is held.
  expect(told).toEqual([1]);
  const order = { decision: "confirm", holds: [{ collection, sinceMs: 5_000_000 }] } as const;
  withdrawals.obey(order);
  expect(obeyed.flatMap(({ changes }) => changes)).toHaveLength(60);
  expect(withdrawals.held()).toEqual([]);
  withdrawals.obey(order);
  expect(obeyed).toHaveLength(1);
  expect(told).toEqual([1, 0]);
});

test("[PUB20] a rejected hold has no end, and another one, or none named, is left alone", () => {
  const { withdrawals, obeyed, collection } = holding();
  for (const order of [
    undefined,
    { decision: "confirm", holds: [{ collection, sinceMs: 4_999_999 }] },
    { decision: "confirm", holds: [{ collection: "others", sinceMs: 5_000_000 }] },
  ] as const)
    withdrawals.obey(order);
  expect(withdrawals.held()).toMatchObject([{ untilMs: 5_600_000 }]);
  withdrawals.obey({ decision: "reject", holds: [{ collection, sinceMs: 5_000_000 }] });
  expect(withdrawals.held()).toMatchObject([{ keys: 60, untilMs: null }]);
  expect(obeyed).toEqual([]);
});

test("[PUB20] an order in the facts that is none is named", () => {
  const facts = {
    meshId: "m",
    meshName: "demo",
    accessVersion: 1,
    cluster: { uid: "u", name: "db" },
    keyGeneration: 1,
    removed: false,
    remotes: [],
    ranges: { pods: [], nodes: [] },
    refusedClaims: [],
  };
  const parse = (withdrawal: unknown) => parseAccessFacts(JSON.stringify({ ...facts, withdrawal }));
  expect(parse({ decision: "confirm", holds: [{ collection: "pods", sinceMs: 1 }] }).ok).toBe(true);
  expect(parse({ decision: "drop", holds: [] })).toMatchObject({
    ok: false,
    rule: expect.stringContaining("withdrawal.decision"),
  });
});
