/**
 * `npm run bench -- [NAME…]`: figures as JSON lines on stdout, `{"name","value","unit","target","met"}`; progress on stderr. A target is what the
 * figure is to reach on 2 cores that the load generator shares.
 */
import { benchApiToFelix } from "./api-to-felix.ts";
import { benchEtcdPeer } from "./etcd-peer.ts";
import { benchFanOut } from "./fan-out.ts";
import type { Figure } from "./figure.ts";
import { benchFirstView } from "./first-view.ts";
import { benchIngest } from "./ingest.ts";
import { benchNoisy } from "./noisy.ts";
import { benchPeers } from "./peers.ts";
import { benchRelayMemory } from "./relay-memory.ts";
import { benchResume } from "./resume.ts";
import { benchSplice, benchSpliceChurn, benchSpliceCrowd, benchSpliceSnapshot } from "./splice.ts";
import { benchMesh, benchStar } from "./scale.ts";
import { benchSlices } from "./slices.ts";

const BENCHES: Readonly<Record<string, () => AsyncGenerator<Figure>>> = {
  "fan-out": benchFanOut,
  ingest: benchIngest,
  "first-view": benchFirstView,
  peers: benchPeers,
  "relay-memory": benchRelayMemory,
  resume: benchResume,
  star: benchStar,
  mesh: benchMesh,
  noisy: benchNoisy,
  slices: benchSlices,
  "etcd-peer": () => benchEtcdPeer(),
  "api-to-felix": benchApiToFelix,
  splice: benchSplice,
  "splice-churn": benchSpliceChurn,
};

/** Of one of them, for who works on it: run by their names only. */
const PARTS: Readonly<Record<string, () => AsyncGenerator<Figure>>> = {
  "etcd-peer-10": () => benchEtcdPeer(10),
  "splice-snapshot": benchSpliceSnapshot,
  "splice-crowd": benchSpliceCrowd,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in BENCHES || name in PARTS));
if (unknown !== undefined) {
  process.stderr.write(
    `no bench ${unknown}; there are ${Object.keys({ ...BENCHES, ...PARTS }).join(", ")}\n`,
  );
  process.exit(2);
}
for (const [name, bench] of Object.entries({ ...BENCHES, ...PARTS })) {
  if (asked.length === 0 && name in PARTS) continue;
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stderr.write(`== ${name}\n`);
  for await (const figure of bench()) process.stdout.write(`${JSON.stringify(figure)}\n`);
}
process.exit(0);
