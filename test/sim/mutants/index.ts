/** All planted bugs. Each is found by one of the validators that it names. */
import { LABELLED } from "./labelled.ts";
import type { Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  ...LABELLED,
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
    replacements: [
      {
        file: "relay/view/repair.ts",
        from: "return revision <= (blob?.revision ?? this.#head);",
        to: "return blob !== undefined && revision < 0;",
      },
      {
        file: "relay/view/repair.ts",
        from: "return !this.#isBehindUs && revision < this.#followedTo;",
        to: "return revision < 0;",
      },
    ],
  },
  {
    name: "repair-shows-the-past",
    bug: "A repair tells at once what its older blob says of keys that the view had followed further.",
    validators: ["Ordered", "NoGhosts"],
    replacements: [
      {
        file: "relay/view/repair.ts",
        from: "return !this.#isBehindUs && revision < this.#followedTo;",
        to: "return revision < 0;",
      },
    ],
  },
  {
    name: "sweep-unpopulated",
    bug: "A reader sweeps what a repair did not confirm at any checkpoint, also of a log that nobody has populated.",
    validators: ["NoAmnesia"],
    replacements: [
      {
        file: "relay/view/channel-view.ts",
        from: "if (sweep) changes.push",
        to: "changes.push",
      },
    ],
  },
  {
    name: "in-sync-before-told",
    bug: "A relay that connects again says in sync by what it had verified before it lost the hub.",
    validators: ["NeverInSyncEarly"],
    replacements: [
      {
        file: "relay/view/watcher.ts",
        from: "    this.#told.clear();\n",
        to: "",
      },
    ],
  },
  {
    name: "reconcile-before-listed",
    bug: "A publisher reconciles before its source has listed everything: what is not listed yet is deleted.",
    validators: ["NoAmnesia", "NeverInSyncEarly"],
    replacements: [
      {
        file: "relay/publish/publisher.ts",
        from: "  #isListed = false;",
        to: "  #isListed = true;",
      },
    ],
  },
  {
    name: "torn-file-trusted",
    bug: "A record of a view file is taken although its checksum is wrong.",
    validators: ["NeverThrows", "NeverInSyncEarly", "NoAmnesia", "Converged", "NoGhosts", "Unique"],
    replacements: [
      {
        file: "relay/view/body-scan.ts",
        from: "    if (crc32(body) !== this.#buffer.readUInt32LE(at + 4)) return null;\n",
        to: "",
      },
    ],
  },
  {
    name: "withdrawal-forgotten",
    bug: "A relay that is told that it may no longer see an origin goes on serving what it has.",
    validators: ["NoGhosts"],
    replacements: [
      {
        file: "relay/view/remotes.ts",
        from: "      this.#remotes.delete(rcc);\n      served.withdraw();\n    }",
        to: "    }",
      },
    ],
  },
  {
    name: "report-not-repeated",
    bug: "What a cluster's own addresses change of what it serves is not reported to the hub.",
    validators: ["StatusTruthful", "Converged"],
    replacements: [
      {
        file: "relay/view/remotes.ts",
        from: "    for (const { serving, view } of this.#remotes.values()) serving.decideAgain(view.records());\n    this.#options.onState();",
        to: "    for (const { serving, view } of this.#remotes.values()) serving.decideAgain(view.records());",
      },
      {
        file: "relay/relay.ts",
        from: "    this.#refreshOwnAddresses();\n    this.#report();\n  }\n\n  #refresh",
        to: "    this.#refreshOwnAddresses();\n  }\n\n  #refresh",
      },
    ],
  },
  {
    name: "old-deletes-believed",
    bug: "A log that was put back says of a pod that it went, and the reader believes it, though the pod has come back since.",
    validators: ["NoAmnesia", "Ordered"],
    replacements: [
      {
        file: "relay/view/repair.ts",
        from: "    return revision <= (this.isOfOther ? this.#head : this.#followedTo);",
        to: "    return revision < 0;",
      },
      {
        file: "relay/view/held-records.ts",
        from: "      this.doubt(keyHash);\n      return [];",
        to: "      return this.delete(keyHash);",
      },
    ],
  },
  {
    name: "gone-comes-back",
    bug: "A repair tells at once of pods that its older blob has and that the view knows to be gone.",
    validators: ["Ordered"],
    replacements: [
      {
        file: "relay/view/repair.ts",
        from: "    return !this.#isBehindUs && revision < this.#followedTo;",
        to: "    return isHeld && !this.#isBehindUs && revision < this.#followedTo;",
      },
    ],
  },
  {
    name: "restored-twice",
    bug: "One backup restored twice hands out the same numbers again: relays take what is decided then for old news.",
    validators: ["Converged", "NoGhosts", "NoLeak", "StatusTruthful"],
    replacements: [
      {
        file: "worker/mesh/mesh.ts",
        from: "Math.max(this.version() + RESTORE_LEAP, atMs * VERSIONS_A_MS)",
        to: "this.version() + RESTORE_LEAP",
      },
    ],
  },
  {
    name: "scope-not-narrowed",
    bug: "A relay that is told of a narrower scope keeps what it has until the hub's next repair.",
    validators: ["NoGhosts"],
    replacements: [
      {
        file: "relay/view/remote-view.ts",
        from: "if (project === null || this.size === 0) this.#leaveLog();",
        to: "if (project === null || this.size >= 0) this.#leaveLog();",
      },
    ],
  },
  {
    name: "other-log-shows-the-past",
    bug: "A repair from another log tells at once what its older blob says of keys that the view holds.",
    validators: ["Ordered"],
    replacements: [
      {
        file: "relay/view/repair.ts",
        from: "if (this.isOfOther) return isHeld && revision < this.#head;",
        to: "if (this.isOfOther) return false;",
      },
    ],
  },
  {
    name: "reader-pools-kept",
    bug: "The pools of readers stay with Felix when the last of them is told no more.",
    validators: ["NoGhosts"],
    replacements: [
      {
        file: "relay/view/remotes.ts",
        from: "this.pools.setReaders(facts.readerPools ?? []);",
        to: "if (facts.readerPools !== undefined) this.pools.setReaders(facts.readerPools);",
      },
    ],
  },
  {
    name: "pools-of-strangers",
    bug: "An origin is told of the pools of clusters that it sees, as if they saw it.",
    validators: ["NoLeak"],
    replacements: [
      {
        file: "shared/visibility/access.ts",
        from: "const readerPools = readerPoolsOf(registry, uid, readers);",
        to: "const readerPools = remotesOf(registry, uid).flatMap(({ origin }) => { const told = registry.poolsOf(origin.uid); return told.length === 0 ? [] : [{ cluster: origin, pools: told }]; });",
      },
    ],
  },
];
