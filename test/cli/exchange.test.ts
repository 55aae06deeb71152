/** Lines that commands about grants print. */
import { expect, test } from "vitest";

import { fieldDifferences } from "../../cli/commands/diff.ts";
import { textOf } from "../../cli/commands/dry-run.ts";
import { renderExchange } from "../../cli/commands/exchange.ts";
import type { ExchangeSide } from "../../shared/api/exchange.ts";
import { rccViewSchema } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";

const side: ExchangeSide = {
  peer: { uid: "1", name: "app" },
  rcc: "db",
  scope: { namespaces: ["shop"] },
  connection: "InSync",
  endpoints: 3,
  withheld: 4,
  quarantined: 0,
  refused: null,
  conditions: [],
};

test("[CLI94] both sides are listed, and an empty one says so", () => {
  const cluster = { uid: "2", name: "db" };
  const shown = renderExchange({ cluster, at: "", shows: [side], sees: [] }, undefined);
  expect(shown.split("\n")).toEqual([
    "SHOWN TO  SCOPE            CONNECTION  ENDPOINTS  WITHHELD  QUARANTINED  REFUSED",
    "app       namespaces shop  InSync      3          4         0            -",
    "",
    "db asks to see nobody",
    "",
  ]);
});

test("[CLI90] an effect is a sentence, and below it the addresses that conflict", () => {
  const counts = { endpoints: 0, namespaces: 0, records: 0 };
  const effect = {
    origin: { uid: "1", name: "db" },
    reader: { uid: "2", name: "app" },
    before: "nothing",
    after: "all",
    waitsFor: null,
    counts: { appear: counts, disappear: counts, change: counts },
    conflicts: [{ address: "10.9.0.1", clusters: ["app", "web"] }],
    conflictCount: 3,
    summary: "4 endpoints become visible to app",
  } as const;
  expect(
    textOf({ ...effect, conflicts: [{ address: "10.9.0.1", clusters: ["app", "web"] }] }),
  ).toBe("4 endpoints become visible to app\n  10.9.0.1 is also of app, web\n  and 2 more\n");
});

test("[CLI91] a difference is a line a field, of what its author wrote", () => {
  const now = rccViewSchema.parse({
    ...memberRcc("db"),
    metadata: { name: "db", creationTimestamp: "x", annotations: { a: "1", b: "2" } },
    spec: { syncOptions: { overlayRoutingMode: "Disabled" } },
    status: { remote: null, state: "granted" },
  });
  const next = {
    ...memberRcc("db"),
    metadata: { name: "db", annotations: { a: "1", c: "3" } },
    spec: { syncOptions: { overlayRoutingMode: "Enabled" } },
  } as const;
  expect(fieldDifferences(now, { ...next, metadata: { ...next.metadata } })).toEqual([
    '- metadata.annotations.b: "2"',
    '+ metadata.annotations.c: "3"',
    '- spec.syncOptions.overlayRoutingMode: "Disabled"',
    '+ spec.syncOptions.overlayRoutingMode: "Enabled"',
  ]);
  expect(fieldDifferences(null, memberRcc("db"))).toEqual(["+ exists: true"]);
});
