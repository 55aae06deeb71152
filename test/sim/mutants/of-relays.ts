/** Planted bugs of relays, and of what they are told: see `labelled.ts`. */
import type { Mutant } from "./mutant.ts";

export const OF_RELAYS: readonly Mutant[] = [
  {
    name: "tail-over-newer-blob",
    bug: "In a repair an older tail change is applied over what is held, though the blob, or the view itself, has a newer state of its key.",
    validators: [
      "Ordered",
      "Unique",
      "NoAmnesia",
      "NoGhosts",
      "Converged",
      "NeverInSyncEarly",
      "NeverThrows",
    ],
    faults: {
      "tail-is-older": { kind: "value", is: "blob !== undefined && revision < 0" },
      "blob-shown-late": { kind: "value", is: "revision < 0" },
    },
  },
  {
    name: "repair-shows-the-past",
    bug: "A repair tells at once what its older blob says of keys that the view had followed further.",
    validators: ["Ordered", "NoGhosts"],
    faults: {
      "blob-shown-late": { kind: "value", is: "revision < 0" },
    },
  },
  {
    name: "sweep-unpopulated",
    bug: "A reader sweeps what a repair did not confirm at any checkpoint, also of a log that nobody has populated.",
    validators: ["NoAmnesia"],
    faults: {
      "sweep-unpopulated": { kind: "condition", is: "true" },
    },
  },
  {
    name: "in-sync-before-told",
    bug: "A relay that connects again says in sync by what it had verified before it lost the hub.",
    validators: ["NeverInSyncEarly"],
    faults: {
      "in-sync-before-told": { kind: "skip" },
    },
  },
  {
    name: "reconcile-before-listed",
    bug: "A publisher reconciles before its source has listed everything: what is not listed yet is deleted.",
    validators: ["NoAmnesia", "NeverInSyncEarly"],
    faults: {
      "reconcile-before-listed": { kind: "value", is: "true" },
    },
  },
  {
    name: "torn-file-trusted",
    bug: "A body of a view file is taken as it stands, although its checksum is wrong, and unseen what is in it.",
    validators: ["NeverThrows", "NeverInSyncEarly", "NoAmnesia", "Converged", "NoGhosts", "Unique"],
    faults: {
      "torn-file-trusted": { kind: "skip" },
      "torn-body-unread": { kind: "value", is: "meta.ok ? meta.value : null" },
    },
  },
  {
    name: "withdrawal-forgotten",
    bug: "A relay that is told that it may no longer see an origin goes on serving what it has.",
    validators: ["NoGhosts"],
    faults: {
      "withdrawn-forgotten": { kind: "skip" },
      "withdrawn-served": { kind: "skip" },
    },
  },
  {
    name: "report-not-repeated",
    bug: "What a cluster's own addresses change of what it serves is not reported to the hub.",
    validators: ["StatusTruthful", "Converged"],
    faults: {
      "own-addresses-told": { kind: "skip" },
      "own-addresses-reported": { kind: "skip" },
    },
  },
  {
    name: "old-deletes-believed",
    bug: "A log that was put back says of a pod that it went, and the reader believes it, though the pod has come back since.",
    validators: ["NoAmnesia", "Ordered"],
    faults: {
      "delete-is-older": { kind: "value", is: "revision < 0" },
      "deleted-once-more": { kind: "instead", do: "return this.delete(keyHash);" },
    },
  },
  {
    name: "gone-comes-back",
    bug: "A repair tells at once of pods that its older blob has and that the view knows to be gone.",
    validators: ["Ordered"],
    faults: {
      "blob-shown-late": { kind: "value", is: "isHeld && $" },
    },
  },
  {
    name: "restored-twice",
    bug: "One backup restored twice hands out the same numbers again: relays take what is decided then for old news.",
    validators: ["Converged", "NoGhosts", "NoLeak", "StatusTruthful"],
    faults: {
      "restored-twice": { kind: "value", is: "this.version() + RESTORE_LEAP" },
    },
  },
  {
    name: "scope-not-narrowed",
    bug: "A relay that is told of a narrower scope keeps what it has until the hub's next repair.",
    validators: ["NoGhosts"],
    faults: {
      "scope-not-narrowed": { kind: "condition", is: "project === null || this.size >= 0" },
    },
  },
  {
    name: "other-log-shows-the-past",
    bug: "A repair from another log tells at once what its older blob says of keys that the view holds.",
    validators: ["Ordered"],
    faults: {
      "other-log-shown-late": { kind: "instead", do: "if (this.isOfOther) return false;" },
    },
  },
  {
    name: "reader-pools-kept",
    bug: "The pools of readers stay with Felix when the last of them is told no more.",
    validators: ["NoGhosts"],
    faults: {
      "reader-pools-kept": {
        kind: "instead",
        do: "if (facts.readerPools !== undefined) this.pools.setReaders(facts.readerPools);",
      },
    },
  },
  {
    name: "pools-of-strangers",
    bug: "An origin is told of the pools of clusters that it sees, as if they saw it.",
    validators: ["NoLeak"],
    faults: {
      "pools-of-strangers": {
        kind: "value",
        is: "remotesOf(registry, uid).flatMap(({ origin }) => { const told = registry.poolsOf(origin.uid); return told.length === 0 ? [] : [{ cluster: origin, pools: told }]; })",
      },
    },
  },
  {
    name: "answer-is-enough",
    bug: "A Felix that comes from another relay is told in-sync when the hub has answered, before what it has told of is here.",
    validators: ["NeverBehind"],
    faults: {
      "answer-is-enough": { kind: "value", is: "question.answer !== null" },
    },
    from: 2_900_000_001,
  },
];
