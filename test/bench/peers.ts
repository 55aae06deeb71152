/**
 * A new node that sees 100,000 endpoints of a remote and has no view, while the hub is away: from
 * the first question to another relay of its cluster to a view on disk that is loaded. That relay
 * is this process, the new node one of its own.
 */
import { execFile } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { openIdentity } from "../../relay/hub/identity.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { peerCertificate } from "../../relay/peers/handshake.ts";
import { PeerServer } from "../../relay/peers/server.ts";
import { viewPath } from "../../relay/view/views-folder.ts";
import { addEndpoints } from "./first-view.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { peerFacts } from "./peers-facts.ts";
import { BenchRig } from "./rig.ts";
import { runView } from "./view-run.ts";

const ENDPOINTS = 100_000;
const ROUNDS = 5;

interface PeerRun {
  readonly askSeconds: number;
  readonly loadSeconds: number;
  readonly records: number;
}

export async function* benchPeers(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  addEndpoints(rig, ENDPOINTS);
  await rig.publish();
  const path = viewPath(join(rig.root, "state"), "o");
  mkdirSync(join(path, ".."), { recursive: true });
  await runView(rig, "state/views/o.view");
  const identity = join(rig.root, "identity");
  const certificate = peerCertificate((await openIdentity(identity)).key);
  const view = { rcc: "o", originUid: "o", path, isLoaded: true, revision: 1 };
  const offer = {
    facts: () => peerFacts(),
    views: () => [view],
    view: () => view,
    follow: () => null,
  };
  const server = new PeerServer(certificate, offer, newLogger("bench", "silent"));
  const port = await server.start("127.0.0.1:0");
  const runs: PeerRun[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    runs.push(await askAs(`new-${round}`, `127.0.0.1:${port}`));
    progress(JSON.stringify(runs.at(-1)));
  }
  const megabytes = statSync(path).size / 1e6;
  await server.stop();
  await rig.stop();
  const name = `${ENDPOINTS} endpoints from another relay`;
  yield figure(`${name}: on disk`, median(runs.map((run) => run.askSeconds)), "s", null);
  const whole = runs.map((run) => run.askSeconds + run.loadSeconds);
  yield figure(`${name}: loaded`, median(whole), "s", 5);
  yield figure(`${name}: bytes`, megabytes, "MB", null);

  async function askAs(folder: string, address: string): Promise<PeerRun> {
    const program = join(import.meta.dirname, "peers-process.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [
      program,
      join(rig.root, folder),
      address,
      identity,
    ]);
    const run = JSON.parse(stdout) as PeerRun;
    if (run.records !== ENDPOINTS) throw new Error(`only ${run.records} records came`);
    return run;
  }
}
