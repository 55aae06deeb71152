/**
 * A relay without a hub and one remote whose datastore is etcd: prints what its first view took as
 * JSON. Arguments: the etcd's endpoint, a folder for its state, how many endpoints there are.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { pino } from "pino";

import { openSource } from "../../relay/source/open-source.ts";
import { preferSmallHeap } from "../../relay/lib/small-heap.ts";
import { Relay } from "../../relay/relay.ts";

preferSmallHeap();
const [endpoint = "", dir = "", wanted = ""] = process.argv.slice(2);
const rccs = join(dir, "rccs");
mkdirSync(rccs, { recursive: true });
const rcc = {
  apiVersion: "projectcalico.org/v3",
  kind: "RemoteClusterConfiguration",
  metadata: { name: "db" },
  spec: { datastoreType: "etcdv3", etcdEndpoints: endpoint },
};
writeFileSync(join(rccs, "db.yaml"), JSON.stringify(rcc));
const own = join(import.meta.dirname, "../../deploy/demo/app");
const relay = await Relay.open(
  {
    state: join(dir, "state"),
    rccDir: rccs,
    source: "manifests",
    manifests: own,
    withdrawalHoldSeconds: 600,
    inSyncWaitSeconds: 30,
  },
  openSource({ kind: "manifests", folder: own }),
  pino({ level: "silent" }),
);
const began = performance.now();
relay.start();
const isThere = (): boolean =>
  relay.remotes
    .reports()
    .some(
      ({ connectionStatus, endpoints }) => connectionStatus === 2 && endpoints === Number(wanted),
    );
while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5));
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage();
process.stdout.write(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 }));
await relay.stop();
process.exit(0);
