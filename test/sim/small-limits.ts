/**
 * The product with limits so small that a run of a few dozen keys meets all of them: rings that
 * wrap, folds in the middle of repairs, several partitions, credit that runs out. They are
 * constants, and rightly so; here their text is replaced while the modules are loaded, and with
 * them that of a mutant. Imported before anything else, in a process of its own.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { findLabels, plant } from "./mutants/faults.ts";
import { MUTANTS } from "./mutants/index.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

const BUDGETS = "worker/origin/budgets/limits.ts";

/** By file: the constants, or fields of a record of them, and their values here. */
const LIMITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "shared/log/trie-node.ts": { LEAF_KEYS: 4 },
  "shared/protocol/limits.ts": {
    inFlightBytes: 250,
    readerFloorBytes: 100,
    inFlightCapBytes: 2_000,
    ackBytes: 60,
  },
  [BUDGETS]: {
    ringFrames: 8,
    foldChanges: 6,
    foldFrames: 5,
    fullFrames: 7,
    blobRecordBytes: 2_048,
    foldHeldBytes: 2_000,
    keptFrameChanges: 2,
    keptFrameBytes: 1_000,
    keptPieces: 3,
    pieceBytes: 1_500,
    firstPieceBytes: 400,
    recentFrames: 64,
    recentDeletes: 5,
    catchUpBytes: 600,
    catchUpFrames: 3,
    catchUpChanges: 8,
    catchUpTurnChanges: 12,
    eventBytes: 2_000,
    eventMessageBytes: 100,
    eventDigestLeaves: 8,
    welcomeDigestLeaves: 8,
    wipedRows: 3,
    effectStepRecords: 3,
    projectionStepRecords: 3,
    projectionStepReads: 2,
    loadRecords: 2,
    reconcileLeaves: 2,
    rejudgeRecords: 2,
    sharedCommitChanges: 2,
  },
  "worker/origin/scopes/projection-builder.ts": { STEP_MS: 20 },
  "relay/publish/publisher.ts": { FRAME_CHANGES: 3 },
  "relay/view/remote-view.ts": { REWRITE_SLACK_BYTES: 4_096 },
};

type Edit = (text: string, file: string) => string;

/**
 * @throws Error when the text is not there exactly once: a limit or mutant that silently is none
 *   would prove nothing.
 */
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
  for (const [limit, value] of Object.entries(mutant.budgets ?? {}))
    add(BUDGETS, setLimit(limit, value));
  const labels = findLabels();
  for (const [name, fault] of Object.entries(mutant.faults)) {
    const label = labels.find((each) => each.name === name);
    if (label === undefined) throw new Error(`the product has no label ${name}`);
    add(label.file, (text) => plant(text, name, fault));
  }
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
