/**
 * The product with limits so small that a run of a few dozen keys meets all of them: rings that wrap, folds in the middle of repairs, several
 * partitions, credit that runs out. They are constants, and rightly so; here their text is replaced while the modules are loaded, and with
 * them that of a mutant. Imported before anything else, in a process of its own.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { MUTANTS } from "./mutants/index.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** By file: the constants, or fields of a record of them, and their values here. */
const LIMITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "shared/log/hash-trie.ts": { LEAF_KEYS: 4 },
  "shared/protocol/limits.ts": {
    inFlightBytes: 250,
    readerFloorBytes: 100,
    inFlightCapBytes: 2_000,
    ackBytes: 60,
  },
  "worker/origin/log/log-store.ts": { RING_SLOTS: 8 },
  "worker/origin/log/channel-log.ts": { FOLD_CHANGES: 6 },
  "worker/origin/log/fold.ts": { BLOB_RAW_BYTES: 2_048, MAX_HELD_BYTES: 2_000 },
  "worker/origin/log/small-frames.ts": {
    MAX_CHANGES: 2,
    MAX_FRAME_BYTES: 1_000,
    MAX_PIECES: 3,
  },
  "worker/origin/log/packed-changes.ts": { PIECE_BYTES: 1_500, FIRST_PIECE_BYTES: 400 },
  "worker/origin/log/recent-frames.ts": { RECENT_FRAMES: 64, MAX_DELETES: 5 },
  "worker/origin/readers/catch-up.ts": {
    PART_BYTES: 600,
    PART_FRAMES: 3,
    PART_LOOKED: 8,
    TURN_LOOKED: 12,
  },
  "worker/origin/budgets/event-budget.ts": {
    EVENT_BYTES: 2_000,
    MESSAGE_BYTES: 100,
    DIGEST_LEAVES: 8,
  },
  "worker/origin/publisher/publisher-side.ts": { DIGEST_LEAVES: 8 },
  "worker/origin/origin.ts": { WIPE_ROWS: 3, PROJECT_MS: 20 },
  "worker/origin/scopes/projections.ts": { FORGET_ROWS: 3 },
  "worker/origin/scopes/projection-walk.ts": { STEP_CHANGES: 3, STEP_READS: 2 },
  "worker/origin/log/received-set.ts": { LOAD_RECORDS: 2 },
  "worker/origin/publisher/reconciliation.ts": { PART_LEAVES: 2 },
  "worker/origin/publisher/publishing.ts": { REJUDGE_SLICE: 2 },
  "worker/origin/publisher/commit-schedule.ts": { SHARED_PART_CHANGES: 2 },
  "relay/publish/publisher.ts": { FRAME_CHANGES: 3 },
  "relay/view/remote-view.ts": { REWRITE_SLACK_BYTES: 4_096 },
};

type Edit = (text: string, file: string) => string;

/** @throws Error when the text is not there exactly once: a limit or mutant that silently is none would prove nothing. */
function replaceOnce(text: string, file: string, from: RegExp | string, to: string): string {
  if (text.split(from).length !== 2)
    throw new Error(`${file} must have this exactly once: ${String(from)}`);
  return text.replace(from, () => to);
}

function setLimit(name: string, value: number): Edit {
  return (text, file) =>
    replaceOnce(
      text,
      file,
      new RegExp(`(?<=\\bconst ${name} = |\\n  ${name}: )[^;,]+(?=[;,])`),
      String(value),
    );
}

const edits = new Map<string, Edit[]>();

function add(file: string, edit: Edit): void {
  const path = join(ROOT, file);
  edits.set(path, [...(edits.get(path) ?? []), edit]);
}

for (const [file, limits] of Object.entries(LIMITS))
  for (const [name, value] of Object.entries(limits)) add(file, setLimit(name, value));

/** The mutant, if any, that is named after `--mutant`. */
const at = process.argv.indexOf("--mutant");
if (at >= 0) {
  const mutant = MUTANTS.find(({ name }) => name === process.argv[at + 1]);
  if (mutant === undefined) throw new Error(`there is no mutant ${process.argv[at + 1] ?? ""}`);
  for (const { file, from, to } of mutant.replacements)
    add(file, (text) => replaceOnce(text, file, from, to));
}

function edited(path: string): string {
  return (edits.get(path) ?? []).reduce(
    (text, edit) => edit(text, path),
    readFileSync(path, "utf8"),
  );
}

// Tried at once, also for files that a run does not load.
for (const path of edits.keys()) edited(path);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.startsWith("file:")) return loaded;
    const path = fileURLToPath(url);
    return edits.has(path) ? { ...loaded, source: edited(path) } : loaded;
  },
});
