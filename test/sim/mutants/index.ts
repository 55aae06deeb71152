/** All planted bugs. Each is found by one of the validators that it names. */
import type { Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "compaction-boundary",
    bug: "A position is still good where the first frame after it has just been overwritten: off by one at the compaction boundary.",
    validators: ["NeverThrows", "Reliable", "Resumable", "Converged"],
    replacements: [
      {
        file: "worker/origin/log/channel-log.ts",
        from: "while (revision - RING_SLOTS > this.#foldedTo) this",
        to: "while (revision - RING_SLOTS > this.#foldedTo + 1) this",
      },
      {
        file: "worker/origin/log/channel-log.ts",
        from: "const FOLD_FRAMES = (RING_SLOTS * 5) / 8;",
        to: "const FOLD_FRAMES = 1_000;",
      },
      {
        file: "worker/origin/log/channel-log.ts",
        from: "const FULL_FRAMES = (RING_SLOTS * 7) / 8;",
        to: "const FULL_FRAMES = 1_000;",
      },
      {
        file: "worker/origin/log/channel-log.ts",
        from: "this.#changed > Math.max(FOLD_CHANGES, this.#admitted.size) ||",
        to: "",
      },
    ],
  },
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
    name: "ack-before-commit",
    bug: "A publisher is told that its frame is accepted before it is committed.",
    validators: ["Reliable"],
    replacements: [
      {
        file: "worker/origin/publisher/home-side.ts",
        from: "    const results = this.#publishing.publish(frames, most);",
        to: `    for (const { socket, message } of frames)
      this.#answerPublish(socket, message, { ok: true, log: must(this.#logs.get(message.channel), "log"), refused: 0, hasCommitted: false, size: NOTHING, rest: [] });
    const results = this.#publishing.publish(frames, most);`,
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
    name: "stale-access-after-restart",
    bug: "An Origin that starts serves by the access list on its disk, without asking the Mesh.",
    validators: ["NoLeak", "Converged"],
    replacements: [
      {
        file: "worker/origin/origin.ts",
        from: "    this.#facts = store.facts();",
        to: "    this.#facts = store.facts(); this.#isFactsFresh = this.#facts !== null;",
      },
    ],
  },
  {
    name: "push-counts-as-answer",
    bug: "A push that was long on its way lets a starting Origin send.",
    validators: ["NoLeak"],
    replacements: [
      {
        file: "worker/origin/origin.ts",
        from: "    this.#learn(facts, false);",
        to: "    this.#learn(facts, true);",
      },
    ],
  },
  {
    name: "older-access-accepted",
    bug: "An Origin takes facts that are older than what it holds.",
    validators: ["NoLeak", "Converged", "StatusTruthful", "NoGhosts"],
    replacements: [
      {
        file: "worker/origin/origin.ts",
        from: "    : facts.accessVersion > known.accessVersion;",
        to: "    : true;",
      },
    ],
  },
  {
    name: "chain-not-checked",
    bug: "A reader resumes at its revision of another history: after a rollback nobody notices.",
    validators: ["Resumable"],
    replacements: [
      {
        file: "shared/log/cursor.ts",
        from: `  if (!equalBytes(chain, cursor.chain)) return { kind: "repair", reason: "other-history" };`,
        to: "  equalBytes(chain, cursor.chain);",
      },
    ],
  },
  {
    name: "in-sync-at-plan",
    bug: "A reader is told the digest when its repair begins, and believes it without comparing.",
    validators: ["NeverInSyncEarly", "Ordered", "NoAmnesia"],
    replacements: [
      {
        file: "worker/origin/readers/readers.ts",
        from: "    if (progress.blobs.length > 0 || progress.next <= log.head) {",
        to: "    if (progress.next < 0) {",
      },
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
    name: "quarantined-delete-forgotten",
    bug: "The deletion of a refused record leaves it in quarantine.",
    validators: ["Reliable", "StatusTruthful", "Converged"],
    replacements: [
      {
        file: "worker/origin/publisher/intake.ts",
        from: '    this.#letGo(keyHash);\n    if (this.#published(keyHash) !== "absent")',
        to: '    this.#quarantine.delete(keyHash);\n    if (this.#published(keyHash) !== "absent")',
      },
    ],
  },
  {
    name: "refused-stays-published",
    bug: "A record that is replaced by a refused one stays with the readers.",
    validators: ["Converged", "NoGhosts", "Reliable", "StatusTruthful"],
    replacements: [
      {
        file: "worker/origin/publisher/intake.ts",
        from: 'if (published !== (instead.recordHash === null ? "absent" : "same")) this.#append.set(instead);',
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
    bug: "A body of a view file is taken as it stands, although its checksum is wrong, and unseen what is in it.",
    validators: ["NeverThrows", "NeverInSyncEarly", "NoAmnesia", "Converged", "NoGhosts", "Unique"],
    replacements: [
      {
        file: "relay/view/body-scan.ts",
        from: "    if (crc32(body) !== this.#buffer.readUInt32LE(at + 4)) return null;\n",
        to: "",
      },
      {
        file: "relay/view/view-events.ts",
        from: "return meta.ok ? parseMeta(meta.value) : null;",
        to: "return meta.ok ? (meta.value as OpenedBody) : null;",
      },
    ],
  },
  {
    name: "catch-up-drops-deletes",
    bug: "A reader that is behind is not told what was deleted meanwhile.",
    validators: ["Reliable"],
    replacements: [
      {
        file: "worker/origin/readers/catch-up.ts",
        from: "    for (const change of newest) {",
        to: `    for (const change of newest.filter(({ op }) => op === "put")) {`,
      },
    ],
  },
  {
    name: "claims-settle-early",
    bug: "A reconciliation counts while the ranges of its pools are still being claimed: their pods look gone.",
    validators: ["NoAmnesia", "NeverInSyncEarly"],
    replacements: [
      {
        file: "worker/origin/publisher/home-side.ts",
        from: "    if (this.#publishing.isSettled) this.#settleReconciled();\n  }\n\n  #settleReconciled",
        to: "    this.#settleReconciled();\n  }\n\n  #settleReconciled",
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
    name: "old-scope-served-on",
    bug: "A reader that is connected when the scope of its grant changes goes on with the log that it had.",
    validators: ["NoLeak", "Reliable"],
    replacements: [
      {
        file: "worker/origin/readers/reader-side.ts",
        from: "if (this.#logsFor(peer, facts) === logs) return [];",
        to: "if (logs.size > 0) return [];",
      },
    ],
  },
  {
    name: "built-without-blobs",
    bug: "A new projection counts as built when the frames of the origin's log have been read, and its blobs have not.",
    validators: ["Converged", "NeverInSyncEarly", "NoAmnesia", "StatusTruthful"],
    replacements: [
      {
        file: "worker/origin/scopes/log-walk.ts",
        from: "const partition = plan.blobs.shift();",
        to: "const partition = plan.next < 0 ? plan.blobs.shift() : undefined;",
      },
    ],
  },
  {
    name: "judged-again-unprojected",
    bug: "What is admitted when it is judged again does not come into the projections.",
    validators: ["Converged", "NeverInSyncEarly", "NoAmnesia", "StatusTruthful"],
    replacements: [
      {
        file: "worker/origin/publisher/publishing.ts",
        from: "if (changes.length > 0) this.#append(log, changes);",
        to: "if (changes.length > 0) log.commit(changes);",
      },
    ],
  },
  {
    name: "sweep-while-built",
    bug: "What a reader has beyond a projection counts as gone while the projection is still built.",
    validators: ["NoAmnesia"],
    replacements: [
      {
        file: "worker/origin/readers/reader-side.ts",
        from: "return this.#rules.hasReconciled(log.channel) && this.#projections.isBuilt(log);",
        to: "return this.#rules.hasReconciled(log.channel);",
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
