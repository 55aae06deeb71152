import { expect, test } from "vitest";

import { judgeRemote, NOTHING_SEEN } from "../../../relay/webhooks/judge-remote.ts";
import type { RemoteSight } from "../../../relay/webhooks/judge-remote.ts";

const WELL: RemoteSight = {
  rcc: "db",
  connectionStatus: 2,
  conditions: [
    { type: "Configured", status: "True", reason: "Valid", message: "" },
    { type: "Connected", status: "True", reason: "Following", message: "" },
    { type: "Complete", status: "True", reason: "AllListed", message: "" },
  ],
  notAdmitted: 0,
  held: 0,
};

/** What it looks like with other conditions. */
function sight(connectionStatus: number, changed: Record<string, [string, string]> = {}) {
  const conditions = WELL.conditions.map((condition) => {
    const [status, message] = changed[condition.type] ?? [condition.status, condition.message];
    return { ...condition, status, message };
  });
  return { ...WELL, connectionStatus, conditions };
}

const DOWN = sight(0, { Connected: ["False", "connect ECONNREFUSED"] });
const LISTING = sight(3, { Connected: ["Unknown", ""] });
const FORBIDDEN = sight(3, { Complete: ["False", "pods: 403"] });
const KEPT = sight(2, { Configured: ["False", "the Secret is gone"] });

/** Each second's sight, from 0. @returns What is judged at the end. */
function after(sights: readonly (readonly [seconds: number, seen: RemoteSight])[]) {
  let memory = NOTHING_SEEN;
  let nowMs = 0;
  let judged = judgeRemote(memory, WELL, nowMs);
  for (const [seconds, seen] of sights)
    for (let i = 0; i < seconds; i++) {
      nowMs += 1_000;
      judged = judgeRemote(memory, seen, nowMs);
      ({ memory } = judged);
    }
  const { health, isInSync } = judged;
  const codes = health?.reasons.map(({ code }) => code) ?? [];
  return { state: health?.state ?? null, codes, isInSync };
}

test.each<[string, Parameters<typeof after>[0], ReturnType<typeof after>]>([
  ["nothing is wrong", [[1, WELL]], { state: "ok", codes: [], isInSync: true }],
  ["away for a moment", [[19, DOWN]], { state: null, codes: [], isInSync: false }],
  ["away for 20 s", [[21, DOWN]], { state: "lost", codes: ["RemoteLost"], isInSync: false }],
  [
    "lists between two failures",
    [
      [10, DOWN],
      [2, LISTING],
      [9, DOWN],
    ],
    { state: "lost", codes: ["RemoteLost"], isInSync: false },
  ],
  [
    "a restart of this relay, and a first list",
    [[29, LISTING]],
    { state: null, codes: [], isInSync: false },
  ],
  ["a list that does not end", [[31, LISTING]], degraded("EdgeLagging")],
  ["a kind is forbidden", [[31, FORBIDDEN]], degraded("EdgeLagging")],
  [
    "its Secret is gone, and the last connection stays",
    [[31, KEPT]],
    { state: "degraded", codes: ["RemoteConfig"], isInSync: true },
  ],
  [
    "records that are not its own",
    [[31, { ...WELL, notAdmitted: 1 }]],
    { state: "degraded", codes: ["Quarantined"], isInSync: true },
  ],
  [
    "back after a loss, for a moment",
    [
      [21, DOWN],
      [2, WELL],
    ],
    { state: "lost", codes: ["RemoteLost"], isInSync: false },
  ],
  [
    "back after a loss",
    [
      [21, DOWN],
      [3, WELL],
    ],
    { state: "ok", codes: [], isInSync: true },
  ],
  ["its view is behind for 4 s", [[5, FORBIDDEN]], { state: null, codes: [], isInSync: null }],
])("[DIR20] %s", (_what, sights, expected) => {
  expect(after(sights)).toEqual(expected);
});

function degraded(code: string): ReturnType<typeof after> {
  return { state: "degraded", codes: [code as "EdgeLagging"], isInSync: false };
}

test("[DIR20] a reason says what is wrong, in the words of its condition", () => {
  let { memory } = judgeRemote(NOTHING_SEEN, DOWN, 0);
  const judged = judgeRemote(memory, { ...DOWN, notAdmitted: 3, held: 2 }, 20_000);
  ({ memory } = judged);
  expect(judged.health).toEqual({
    state: "lost",
    reasons: [
      {
        code: "RemoteLost",
        message: "the datastore of db is not followed, what it had is served: connect ECONNREFUSED",
        rccs: ["db"],
      },
    ],
    quarantined: 3,
    held: 2,
    notInSync: [],
  });
});
