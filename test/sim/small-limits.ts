/**
 * The product with limits so small that a run of a few dozen keys meets all of them: rings that wrap, folds in the middle of repairs, several
 * partitions, credit that runs out. They are constants, and rightly so; here their text is replaced while the modules are loaded, and with
 * them that of a mutant. Import it before anything else, in a process of its own: `node --import ./test/sim/small-limits.ts …`.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { MUTANTS } from "./mutants/index.ts";
import type { Replacement } from "./mutants/mutant.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

const LIMITS: readonly Replacement[] = [
  {
    file: "shared/log/hash-trie.ts",
    from: "export const LEAF_KEYS = 512;",
    to: "export const LEAF_KEYS = 4;",
  },
  {
    file: "worker/origin/log-store.ts",
    from: "export const RING_SLOTS = 2048;",
    to: "export const RING_SLOTS = 12;",
  },
  {
    file: "worker/origin/channel-log.ts",
    from: "const FOLD_CHANGES = 2_000;",
    to: "const FOLD_CHANGES = 6;",
  },
  {
    file: "worker/origin/channel-log.ts",
    from: "const FOLD_SLICE_BLOBS = 2;",
    to: "const FOLD_SLICE_BLOBS = 1;",
  },
  {
    file: "worker/origin/fold.ts",
    from: "const BLOB_RAW_BYTES = 1024 * 1024;",
    to: "const BLOB_RAW_BYTES = 2048;",
  },
  {
    file: "worker/origin/recent-frames.ts",
    from: "export const RECENT_FRAMES = 16_384;",
    to: "export const RECENT_FRAMES = 64;",
  },
  {
    file: "worker/origin/recent-frames.ts",
    from: "const MAX_DELETES = 65_536;",
    to: "const MAX_DELETES = 5;",
  },
  {
    file: "worker/origin/catch-up.ts",
    from: "const PART_BYTES = 256 * 1024;",
    to: "const PART_BYTES = 600;",
  },
  {
    file: "worker/origin/catch-up.ts",
    from: "const PART_FRAMES = 128;",
    to: "const PART_FRAMES = 3;",
  },
  {
    file: "worker/origin/publishing.ts",
    from: "const REJUDGE_SLICE = 500;",
    to: "const REJUDGE_SLICE = 2;",
  },
  {
    file: "shared/protocol/limits.ts",
    from: "inFlightBytes: 32 * 1024 * 1024,",
    to: "inFlightBytes: 6_000,",
  },
  {
    file: "shared/protocol/limits.ts",
    from: "readerFloorBytes: 64 * 1024,",
    to: "readerFloorBytes: 1_500,",
  },
  {
    file: "shared/protocol/limits.ts",
    from: "inFlightCapBytes: 80 * 1024 * 1024,",
    to: "inFlightCapBytes: 12_000,",
  },
  { file: "shared/protocol/limits.ts", from: "ackBytes: 32 * 1024,", to: "ackBytes: 500," },
  {
    file: "relay/publish/publisher.ts",
    from: "const FRAME_CHANGES = 2_000;",
    to: "const FRAME_CHANGES = 3;",
  },
  {
    file: "relay/view/remote-view.ts",
    from: "const REWRITE_SLACK_BYTES = 16 * 1024 * 1024;",
    to: "const REWRITE_SLACK_BYTES = 4096;",
  },
];

/** Which mutant, if any: the argument after `--mutant`. */
function chosen(): readonly Replacement[] {
  const at = process.argv.indexOf("--mutant");
  if (at < 0) return [];
  const name = process.argv[at + 1];
  const mutant = MUTANTS.find((candidate) => candidate.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  return mutant.replacements;
}

const replacements = new Map<string, Replacement[]>();
for (const replacement of [...LIMITS, ...chosen()]) {
  const path = join(ROOT, replacement.file);
  replacements.set(path, [...(replacements.get(path) ?? []), replacement]);
}

/** @throws Error when the text is not there exactly once: a limit or mutant that silently is none would prove nothing. */
function replaced(text: string, { file, from, to }: Replacement): string {
  if (text.split(from).length !== 2)
    throw new Error(`${file} must have this text exactly once: ${from}`);
  return text.replace(from, () => to);
}

// Checked at once, also for files that a run does not load.
for (const [path, list] of replacements) list.reduce(replaced, readFileSync(path, "utf8"));

registerHooks({
  load(url, context, nextLoad) {
    const list = url.startsWith("file:") ? replacements.get(fileURLToPath(url)) : undefined;
    const loaded = nextLoad(url, context);
    if (list === undefined) return loaded;
    const source = list.reduce(replaced, readFileSync(fileURLToPath(url), "utf8"));
    return { ...loaded, source };
  },
});
