/**
 * Planted bugs behind labels: each fault is the statement behind `// fault: NAME` in the product.
 */
import type { Mutant } from "./mutant.ts";

export const LABELLED: readonly Mutant[] = [
  {
    name: "compaction-boundary",
    bug: "A position is still good where the first frame after it has just been overwritten: off by one at the compaction boundary.",
    validators: ["NeverThrows", "Reliable", "Resumable", "Converged"],
    fault: { kind: "value", is: "$ - 1" },
    budgets: { foldFrames: 1_000, fullFrames: 1_000, foldChanges: 1_000_000 },
  },
  {
    name: "ack-before-commit",
    bug: "A publisher is told that its frame is accepted before it is committed.",
    validators: ["Reliable"],
    fault: {
      kind: "before",
      do: `for (const { socket, message } of frames)
        this.#answerPublish(socket, message, { kind: "accepted", log: this.#logs[message.channel], refused: 0, hasCommitted: false, size: NO_WORK, rest: [] });`,
    },
  },
  {
    name: "stale-access-after-restart",
    bug: "An Origin that starts serves by the access list on its disk, without asking the Mesh.",
    validators: ["NoLeak", "Converged"],
    fault: { kind: "before", do: "this.#isFresh = stored !== null;" },
  },
  {
    name: "push-counts-as-answer",
    bug: "A push that was long on its way lets a starting Origin send.",
    validators: ["NoLeak"],
    fault: { kind: "instead", do: "this.#mesh.learn(facts, true);" },
  },
  {
    name: "older-access-accepted",
    bug: "An Origin takes facts that are older than what it holds.",
    validators: ["NoLeak", "Converged", "StatusTruthful", "NoGhosts"],
    fault: { kind: "value", is: "facts.accessVersion !== known.accessVersion || $" },
  },
  {
    name: "chain-not-checked",
    bug: "A reader resumes at its revision of another history: after a rollback nobody notices.",
    validators: ["Resumable"],
    fault: { kind: "skip" },
  },
  {
    name: "in-sync-at-plan",
    bug: "A reader is told the digest when its repair begins, and believes it without comparing.",
    validators: ["NeverInSyncEarly", "Ordered", "NoAmnesia"],
    fault: {
      kind: "condition",
      is: `progress.phase !== "frames" && progress.phase !== "blobs"`,
    },
    replacements: [
      {
        file: "relay/view/channel-state.ts",
        from: "return isAtHead(state) ? apply(followingAt(state.cursor)) : ignore(state);",
        to: "return apply(followingAt(state.cursor));",
      },
      {
        file: "relay/view/channel-view.ts",
        from: "const isEqual = equalBytes(this.#held.trie.digest(), digest);",
        to: "const isEqual = true;",
      },
    ],
  },
  {
    name: "quarantined-delete-forgotten",
    bug: "The deletion of a refused record leaves it in quarantine.",
    validators: ["Reliable", "StatusTruthful", "Converged"],
    fault: { kind: "instead", do: "this.#quarantine.delete(keyHash);" },
  },
  {
    name: "refused-stays-published",
    bug: "A record that is replaced by a refused one stays with the readers.",
    validators: ["Converged", "NoGhosts", "Reliable", "StatusTruthful"],
    fault: { kind: "skip" },
  },
  {
    name: "catch-up-drops-deletes",
    bug: "A reader that is behind is not told what was deleted meanwhile.",
    validators: ["Reliable"],
    fault: { kind: "value", is: `$.filter(({ op }) => op === "put")` },
  },
  {
    name: "claims-settle-early",
    bug: "A reconciliation counts while the ranges of its pools are still being claimed: their pods look gone.",
    validators: ["NoAmnesia", "NeverInSyncEarly"],
    fault: { kind: "condition", is: "true" },
  },
  {
    name: "old-scope-served-on",
    bug: "A reader that is connected when the scope of its grant changes goes on with the log that it had.",
    validators: ["NoLeak", "Reliable"],
    fault: { kind: "condition", is: "true" },
  },
  {
    name: "built-without-blobs",
    bug: "A new projection counts as built when the frames of the origin's log have been read, and its blobs have not.",
    validators: ["Converged", "NeverInSyncEarly", "NoAmnesia", "StatusTruthful"],
    fault: { kind: "value", is: "plan.next < 0 ? $ : undefined" },
  },
  {
    name: "judged-again-unprojected",
    bug: "What is admitted when it is judged again does not come into the projections.",
    validators: ["Converged", "NeverInSyncEarly", "NoAmnesia", "StatusTruthful"],
    fault: { kind: "instead", do: "if (changes.length > 0) log.commit(changes);" },
  },
  {
    name: "sweep-while-built",
    bug: "What a reader has beyond a projection counts as gone while the projection is still built.",
    validators: ["NoAmnesia"],
    fault: { kind: "skip" },
  },
];
