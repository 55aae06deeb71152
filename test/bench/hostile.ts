/**
 * What a quiet pair feels of a member that attacks the hub, attack by attack, against what it feels
 * without, and against what it feels while the same member attacks another hub on this machine; and
 * what the hub needs of memory while all of them attack together.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { MockMesh } from "../../cli/mock/mock-mesh.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { addCluster } from "../../shared/api/clusters.ts";
import { ATTACKS } from "./attacks.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const QUIET = {
  clusters: 2,
  endpoints: 200,
  rate: 100,
  sees: 1,
  prefix: "quiet",
  sample: 1,
} as const;
const ROUNDS = 2;
const ROUND_MS = 4_000;
/** What an attack has left in the hub's sockets is not counted as undisturbed. */
const SETTLE_MS = 3_000;
const TOGETHER_MS = 120_000;
const LOOK_MS = 100;
const TELL_MS = 10_000;
const MOST_RATIO = 3;
const MOST_MB = 700;
/** For who works on one of them: `HOSTILE="claims,repairs,together"`. */
const ONLY = process.env["HOSTILE"]?.split(",");

export async function* benchHostile(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start("10.128.0.0/9");
  // Whose attackers use the machine as much, and the quiet pair's hub not at all.
  const other = await BenchRig.start("10.128.0.0/9");
  const pid = rig.workerdPid();
  const mesh = new MockMesh(rig.admin("bench"), QUIET);
  await mesh.start(progress);
  await mesh.startReaders();
  await measure(mesh);
  const names = Object.keys(ATTACKS).filter((name) => ONLY === undefined || ONLY.includes(name));
  const folders = new Map<string, string>();
  for (const name of names) folders.set(name, await joinMember(rig, name));
  for (const name of names) {
    const attackers = [
      { hub: other, folder: await joinMember(other, name) },
      { hub: rig, folder: folders.get(name) ?? "" },
    ];
    const alone: number[] = [];
    const [elsewhere, beside]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(...(await measure(mesh)));
      for (const [i, { hub, folder }] of attackers.entries()) {
        const child = await begin(hub, name, folder);
        (i === 0 ? elsewhere : beside).push(...(await measure(mesh)));
        const sent = await end(child);
        await sleep(SETTLE_MS);
        if (i === 1) tell(name, [alone, elsewhere, beside], sent, rig);
      }
    }
    const p99 = quantile(beside, 0.99);
    const [undisturbed, control] = [quantile(alone, 0.99), quantile(elsewhere, 0.99)];
    yield figure(
      `beside ${name}: quiet p99 against undisturbed`,
      p99 / undisturbed,
      "x",
      MOST_RATIO,
    );
    yield figure(
      `beside ${name}: quiet p99 against the same attack on another hub`,
      p99 / control,
      "x",
      MOST_RATIO,
    );
  }
  await other.stop();
  if (ONLY === undefined || ONLY.includes("together")) {
    for (const name of Object.keys(ATTACKS).filter((each) => !folders.has(each)))
      folders.set(name, await joinMember(rig, name));
    yield* together(rig, mesh, folders);
  }
  if (rig.workerdPid() !== pid) throw new Error("the hub was started again");
  await mesh.stop(false);
  await rig.stop();
}

function tell(
  name: string,
  latencies: readonly (readonly number[])[],
  sent: number,
  rig: BenchRig,
): void {
  const [alone, elsewhere, beside] = latencies.map((ms) => `${quantile(ms, 0.99).toFixed(1)} ms`);
  const megabytes = (rig.hubResidentBytes() / 1e6).toFixed();
  progress(
    `${name}: p99 alone ${alone}, beside one on another hub ${elsewhere}, beside ${beside}; ${sent} messages, hub ${megabytes} MB`,
  );
}

async function* together(
  rig: BenchRig,
  mesh: MockMesh,
  folders: ReadonlyMap<string, string>,
): AsyncGenerator<Figure> {
  const children = await Promise.all(
    [...folders].map(([name, folder]) => begin(rig, name, folder)),
  );
  mesh.startChanges();
  let [most, lost, mostOfRound] = [0, 0, 0];
  const begunMs = performance.now();
  let told = begunMs;
  while (performance.now() < begunMs + TOGETHER_MS) {
    mostOfRound = Math.max(mostOfRound, rig.hubResidentBytes());
    const { connected, caughtUp, readers } = mesh.stats();
    if (connected < QUIET.clusters || caughtUp < readers) lost++;
    await sleep(LOOK_MS);
    if (performance.now() < told + TELL_MS) continue;
    told = performance.now();
    const seconds = Math.round((told - begunMs) / 1000);
    progress(`together, ${seconds} s: hub at most ${(mostOfRound / 1e6).toFixed()} MB`);
    [most, mostOfRound] = [Math.max(most, mostOfRound), 0];
  }
  most = Math.max(most, mostOfRound);
  for (const child of children) child.kill("SIGKILL");
  mesh.stopChanges();
  yield figure("under all attacks together: hub's resident memory", most / 1e6, "MB", MOST_MB);
  yield figure("under all attacks together: looks without the quiet pair", lost, "", 0);
}

/** Latencies of what the quiet pair delivers, in ms; of nothing at all, the round. */
async function measure(mesh: MockMesh): Promise<readonly number[]> {
  mesh.takeLatencies();
  mesh.startChanges();
  await sleep(ROUND_MS);
  mesh.stopChanges();
  await sleep(500);
  const latencies = mesh.takeLatencies();
  return latencies.length === 0 ? [ROUND_MS] : latencies;
}

/** Answers the folder of its identity. */
async function joinMember(rig: BenchRig, attack: string): Promise<string> {
  const name = attack.replaceAll(" ", "-");
  const params = { mesh: "bench" };
  const { joinToken } = await rig.admin("bench").call(addCluster, { params, body: { name } });
  const folder = join(rig.root, name);
  await (await Credentials.open(folder)).join(rig.hub.url, joinToken);
  return folder;
}

async function begin(rig: BenchRig, attack: string, folder: string): Promise<ChildProcess> {
  const path = join(import.meta.dirname, "attacker.ts");
  const child = fork(path, [rig.hub.url, folder, attack]);
  // Attackers are on other machines: what they compute here must not be taken for their effect.
  setPriority(child.pid ?? 0, constants.priority.PRIORITY_LOW);
  await once(child, "message");
  return child;
}

/** Answers how many messages it has sent. */
async function end(child: ChildProcess): Promise<number> {
  const answer = once(child, "message");
  child.send("how many?");
  const [sent] = (await answer) as [number];
  child.kill("SIGKILL");
  return sent;
}
