/** Planted bugs of the hub. */
import type { Mutant } from "./mutant.ts";

export const OF_THE_HUB: readonly Mutant[] = [
  {
    name: "compaction-boundary",
    bug: "A position is still good where the first frame after it has just been overwritten: off by one at the compaction boundary.",
    validators: ["NeverThrows", "Reliable", "Resumable", "Converged"],
    faults: { "compaction-boundary": { kind: "value", is: "$ - 1" } },
    budgets: { foldFrames: 1_000, fullFrames: 1_000, foldChanges: 1_000_000 },
  },
  {
    name: "ack-before-commit",
    bug: "A publisher is told that its frame is accepted before it is committed.",
    validators: ["Reliable"],
    faults: {
      "ack-before-commit": {
        kind: "before",
        do: `for (const { socket, message } of frames)
        this.#answerPublish(socket, message, { kind: "accepted", log: this.#logs[message.channel], refused: 0, hasCommitted: false, size: NO_WORK, work: NO_WORK, rest: [] });`,
      },
    },
  },
  {
    name: "stale-access-after-restart",
    bug: "An Origin that starts serves by the access list on its disk, without asking the Mesh.",
    validators: ["NoLeak", "Converged"],
    faults: {
      "stale-access-after-restart": { kind: "before", do: "this.#isFresh = stored !== null;" },
    },
  },
  {
    name: "push-counts-as-answer",
    bug: "A push that was long on its way lets a starting Origin send.",
    validators: ["NoLeak"],
    faults: { "push-counts-as-answer": { kind: "instead", do: "this.#mesh.learn(facts, true);" } },
  },
  {
    name: "older-access-accepted",
    bug: "An Origin takes facts that are older than what it holds.",
    validators: ["NoLeak", "Converged", "StatusTruthful", "NoGhosts"],
    faults: {
      "older-access-accepted": {
        kind: "value",
        is: "facts.accessVersion !== known.accessVersion || $",
      },
    },
  },
  {
    name: "chain-not-checked",
    bug: "A reader resumes at its revision of another history: after a rollback nobody notices.",
    validators: ["Resumable"],
    faults: { "chain-not-checked": { kind: "skip" } },
  },
  {
    name: "in-sync-at-plan",
    bug: "A reader is told the digest when its repair begins, and believes it without comparing.",
    validators: ["NeverInSyncEarly", "Ordered", "NoAmnesia"],
    faults: {
      "digest-compared": { kind: "value", is: "true" },
      "repaired-at-head": { kind: "value", is: "apply(followingAt(state.cursor))" },
      "in-sync-at-plan": {
        kind: "condition",
        is: `progress.phase !== "frames" && progress.phase !== "blobs"`,
      },
    },
  },
  {
    name: "quarantined-delete-forgotten",
    bug: "The deletion of a refused record leaves it in quarantine.",
    validators: ["Reliable", "StatusTruthful", "Converged"],
    faults: {
      "quarantined-delete-forgotten": { kind: "instead", do: "this.#quarantine.delete(keyHash);" },
    },
  },
  {
    name: "refused-stays-published",
    bug: "A record that is replaced by a refused one stays with the readers.",
    validators: ["Converged", "NoGhosts", "Reliable", "StatusTruthful"],
    faults: { "refused-stays-published": { kind: "skip" } },
  },
  {
    name: "catch-up-drops-deletes",
    bug: "A reader that is behind is not told what was deleted meanwhile.",
    validators: ["Reliable"],
    faults: {
      "catch-up-drops-deletes": { kind: "value", is: `$.filter(({ op }) => op === "put")` },
    },
  },
  {
    name: "claims-settle-early",
    bug: "A reconciliation counts while the ranges of its pools are still being claimed: their pods look gone.",
    validators: ["NoAmnesia", "NeverInSyncEarly"],
    faults: { "claims-settle-early": { kind: "condition", is: "true" } },
  },
  {
    name: "old-scope-served-on",
    bug: "A reader that is connected when the scope of its grant changes goes on with the log that it had.",
    validators: ["NoLeak", "Reliable"],
    faults: { "old-scope-served-on": { kind: "condition", is: "true" } },
  },
  {
    name: "built-without-blobs",
    bug: "A new projection counts as built when the frames of the origin's log have been read, and its blobs have not.",
    validators: ["Converged", "NeverInSyncEarly", "NoAmnesia", "StatusTruthful"],
    faults: { "built-without-blobs": { kind: "value", is: "plan.next < 0 ? $ : undefined" } },
  },
  {
    name: "judged-again-unprojected",
    bug: "What is admitted when it is judged again does not come into the projections.",
    validators: ["Converged", "NeverInSyncEarly", "NoAmnesia", "StatusTruthful"],
    faults: {
      "judged-again-unprojected": {
        kind: "instead",
        do: "if (changes.length > 0) log.commit(changes);",
      },
    },
  },
  {
    name: "sweep-while-built",
    bug: "What a reader has beyond a projection counts as gone while the projection is still built.",
    validators: ["NoAmnesia"],
    faults: { "sweep-while-built": { kind: "skip" } },
  },
  {
    name: "building-waits-for-nobody",
    bug: "A projection that was half built when its hub ended waits for a folding that nobody asks for.",
    // The first that finds it: those before it take nine minutes.
    from: 3_500_000_676,
    validators: ["Converged", "NoGhosts", "StatusTruthful"],
    faults: {
      "building-waits-for-nobody": { kind: "value", is: "false" },
    },
  },
];
