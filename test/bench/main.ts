/**
 * `npm run bench -- [NAME…]`: figures as JSON lines on stdout,
 * `{"name","value","unit","target","met"}`; progress on stderr. A target is what the figure is to
 * reach on 2 cores that the load generator shares. `--keep ROUNDS` keeps what the rounds gave in
 * `results`; `--markdown` makes docs/figures.md of it.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { benchApiList } from "./api-list.ts";
import { benchApiToFelix } from "./api-to-felix.ts";
import { benchApplyToReady } from "./apply-to-ready.ts";
import { benchBlockToFelix } from "./block-to-felix.ts";
import { benchDirectChange } from "./direct-change.ts";
import { benchDryRun } from "./dry-run.ts";
import { benchDryRunBeside } from "./dry-run-beside.ts";
import { benchEtcdPeer } from "./etcd-peer.ts";
import { benchEtcdView } from "./etcd-view.ts";
import { benchFanOut } from "./fan-out.ts";
import { benchFeederOfMany } from "./feeder-of-many.ts";
import { benchFeeders } from "./feeders.ts";
import type { Figure } from "./figure.ts";
import { benchFirstView } from "./first-view.ts";
import { benchHubKilled } from "./hub-killed.ts";
import { benchHostile } from "./hostile.ts";
import { benchIngest } from "./ingest.ts";
import { benchNodeReplaced } from "./node-replaced.ts";
import { benchNoisy } from "./noisy.ts";
import { benchPacketsLost } from "./packets-lost.ts";
import { benchPeers } from "./peers.ts";
import { benchPlan, benchPreflight } from "./preflight.ts";
import { benchRelayMemory } from "./relay-memory.ts";
import { benchResume } from "./resume.ts";
import { benchRevocation } from "./revocation.ts";
import { benchRevocationNodes } from "./revocation-nodes.ts";
import { readResults, renderFigures, summarise } from "./results.ts";
import type { Result, ResultFile } from "./results.ts";
import { benchSplice, benchSpliceChurn, benchSpliceCrowd, benchSpliceSnapshot } from "./splice.ts";
import { benchMesh, benchNodes, benchStar } from "./scale.ts";
import { benchSecretRotated } from "./secret-rotated.ts";
import { benchServicesApi } from "./services-api.ts";
import { benchServicesFill } from "./services-fill.ts";
import { benchServicesWire } from "./services-wire.ts";
import { benchSlices } from "./slices.ts";

const BENCHES: Readonly<Record<string, () => AsyncGenerator<Figure>>> = {
  "fan-out": benchFanOut,
  ingest: benchIngest,
  "first-view": benchFirstView,
  peers: benchPeers,
  feeders: benchFeeders,
  "feeder-of-many": benchFeederOfMany,
  "relay-memory": benchRelayMemory,
  resume: benchResume,
  revocation: benchRevocation,
  "revocation-nodes": benchRevocationNodes,
  star: benchStar,
  mesh: benchMesh,
  nodes: benchNodes,
  noisy: benchNoisy,
  hostile: benchHostile,
  "hub-killed": benchHubKilled,
  slices: benchSlices,
  "etcd-peer": () => benchEtcdPeer(),
  "etcd-view": benchEtcdView,
  "direct-change": benchDirectChange,
  "secret-rotated": benchSecretRotated,
  "api-to-felix": benchApiToFelix,
  "block-to-felix": benchBlockToFelix,
  "apply-to-ready": benchApplyToReady,
  splice: benchSplice,
  "splice-churn": benchSpliceChurn,
  "node-replaced": benchNodeReplaced,
  "packets-lost": benchPacketsLost,
  preflight: benchPreflight,
  plan: benchPlan,
  "services-api": benchServicesApi,
  "services-fill": () => benchServicesFill(),
  "services-wire": benchServicesWire,
  "dry-run": benchDryRun,
  "dry-run-beside": benchDryRunBeside,
  "api-list": benchApiList,
};

/** Of one of them, for who works on it: run by their names only. */
const PARTS: Readonly<Record<string, () => AsyncGenerator<Figure>>> = {
  "etcd-peer-10": () => benchEtcdPeer(10),
  "services-fill-200": () => benchServicesFill(200),
  "splice-snapshot": benchSpliceSnapshot,
  "splice-crowd": benchSpliceCrowd,
};

const { values: flags, positionals: asked } = parseArgs({
  options: { markdown: { type: "boolean" }, keep: { type: "string" } },
  allowPositionals: true,
});
const RESULTS = join(import.meta.dirname, "results");

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

/** Files that were measured here go into the day's file, over those of the same name. */
function keep(results: readonly Result[], date: string): void {
  const path = join(RESULTS, `${date}.json`);
  const [kept] = existsSync(path) ? readResults(RESULTS).slice(-1) : [];
  const same = (a: Result, b: Result): boolean => a.bench === b.bench && a.name === b.name;
  const others = (kept?.results ?? []).filter((old) => !results.some((one) => same(one, old)));
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}, ${date}`;
  const file: ResultFile = { machine, results: [...others, ...results] };
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`);
}

if (flags.markdown === true) {
  const path = join(RESULTS, "../../../docs/figures.md");
  writeFileSync(path, renderFigures(readResults(RESULTS)));
  process.exit(0);
}
const rounds = Number(flags.keep ?? 1);
if (!Number.isInteger(rounds) || rounds < 1) fail("--keep: must be a number of rounds");
const unknown = asked.find((name) => !(name in BENCHES || name in PARTS));
if (unknown !== undefined)
  fail(`no bench ${unknown}; there are ${Object.keys({ ...BENCHES, ...PARTS }).join(", ")}`);
const commit = execFileSync("git", ["describe", "--always", "--dirty"], {
  encoding: "utf8",
}).trim();
const date = new Date().toISOString().slice(0, 10);
for (const [name, bench] of Object.entries({ ...BENCHES, ...PARTS })) {
  if (asked.length === 0 && name in PARTS) continue;
  if (asked.length > 0 && !asked.includes(name)) continue;
  const measured: Figure[][] = [];
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`== ${name}${rounds === 1 ? "" : `, round ${round} of ${rounds}`}\n`);
    const figures: Figure[] = [];
    for await (const figure of bench()) {
      process.stdout.write(`${JSON.stringify(figure)}\n`);
      figures.push(figure);
    }
    measured.push(figures);
  }
  if (flags.keep !== undefined) keep(summarise(name, measured, { commit, date }), date);
}
process.exit(0);
