/**
 * What a quiet pair feels of a member that attacks the hub, attack by attack, against what it feels
 * without; and what the hub needs of memory while all of them attack together.
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
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const QUIET = { clusters: 2, endpoints: 200, rate: 100, sees: 1, prefix: "quiet" } as const;
const ROUNDS = 2;
const ROUND_MS = 4_000;
/** What an attack has left in the hub's sockets is not counted as undisturbed. */
const SETTLE_MS = 3_000;
const TOGETHER_MS = 120_000;
const LOOK_MS = 100;
const MOST_RATIO = 3;
const MOST_MB = 700;

export async function* benchHostile(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start("10.128.0.0/9");
  const pid = rig.workerdPid();
  const mesh = new MockMesh(rig.admin("bench"), QUIET);
  await mesh.start(progress);
  await mesh.startReaders();
  await measure(mesh);
  const names = Object.keys(ATTACKS);
  const folders = new Map<string, string>();
  for (const name of names) folders.set(name, await joinMember(rig, name));
  for (const name of names) {
    const [alone, beside]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(await measure(mesh));
      const child = await begin(rig, name, folders.get(name) ?? "");
      beside.push(await measure(mesh));
      const sent = await end(child);
      await sleep(SETTLE_MS);
      progress(
        `${name}: p99 alone ${alone.at(-1)?.toFixed(1)} ms, beside ${beside.at(-1)?.toFixed(1)} ms, ${sent} messages, hub ${(rig.hubResidentBytes() / 1e6).toFixed()} MB`,
      );
    }
    const ratio = median(beside) / median(alone);
    yield figure(`beside ${name}: quiet p99 against undisturbed`, ratio, "x", MOST_RATIO);
  }
  yield* together(rig, folders);
  if (rig.workerdPid() !== pid) throw new Error("the hub was started again");
  await mesh.stop(false);
  await rig.stop();
}

async function* together(
  rig: BenchRig,
  folders: ReadonlyMap<string, string>,
): AsyncGenerator<Figure> {
  const children = await Promise.all(
    [...folders].map(([name, folder]) => begin(rig, name, folder)),
  );
  let most = 0;
  for (const endMs = performance.now() + TOGETHER_MS; performance.now() < endMs;) {
    most = Math.max(most, rig.hubResidentBytes());
    await sleep(LOOK_MS);
  }
  for (const child of children) child.kill("SIGKILL");
  yield figure("under all attacks together: hub's resident memory", most / 1e6, "MB", MOST_MB);
}

/** The p99 of what the quiet pair delivers, in ms; where nothing is delivered, all of the round. */
async function measure(mesh: MockMesh): Promise<number> {
  mesh.takeLatencies();
  mesh.startChanges();
  await sleep(ROUND_MS);
  mesh.stopChanges();
  await sleep(500);
  const latencies = mesh.takeLatencies();
  return latencies.length === 0 ? ROUND_MS : quantile(latencies, 0.99);
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
