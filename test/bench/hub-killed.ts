/**
 * A hub that is killed with SIGKILL every ten seconds while an endpoint changes all the time: how
 * long no change comes to each node. First workerd alone is killed, which the hub's command starts
 * again; then the command itself, which is started again after 100 ms, as systemd does.
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";

import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import { pod, putOf } from "../support/records.ts";
import { addEndpoints } from "./first-view.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const ROOT = join(import.meta.dirname, "../..");
const NODES = 20;
const ENDPOINTS = 10_000;
const KILLS = 6;
const EVERY_MS = 10_000;
const CHANGE_MS = 50;
/** Of systemd, unless a unit says otherwise. */
const RESTART_MS = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A relay's view of the origin, with the link that relays have. */
class Node {
  readonly #watcher: Watcher;
  readonly #view: RemoteView;
  #lastMs = 0;
  #gapMs = 0;

  constructor(rig: BenchRig, n: number) {
    const { uid = "", name = "" } = rig.origin?.membership?.cluster ?? {};
    this.#view = new RemoteView(new ViewFile(join(rig.root, `node-${n}.view`)), {
      rcc: "o",
      meshId: rig.reader?.membership?.meshId ?? "",
      originUid: uid,
      originName: name,
    });
    this.#watcher = new Watcher(this.#view, rig.watchUrl, () => rig.readerHeaders(), {
      onChanges: () => this.#changed(),
      onState: () => undefined,
      onDown: () => undefined,
    });
    this.#watcher.start();
  }

  get isInSync(): boolean {
    return this.#watcher.isOpen && this.#view.isInSync;
  }

  /** Longest between two changes since this was asked last, in ms. */
  takeGap(): number {
    const gap = Math.max(this.#gapMs, performance.now() - this.#lastMs);
    this.#gapMs = 0;
    return gap;
  }

  stop(): void {
    this.#watcher.stop();
    this.#view.close();
  }

  #changed(): void {
    const now = performance.now();
    this.#gapMs = Math.max(this.#gapMs, now - this.#lastMs);
    this.#lastMs = now;
  }
}

/** A hub as its image has it, started again whenever it ends. */
class HubCommand {
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess;
  #isStopping = false;

  /** @param image Folder for what is in it. */
  constructor(image: string, listen: string, dataDir: string) {
    execFileSync(process.execPath, [join(ROOT, "bin/bundle.js"), image]);
    this.#args = [join(image, "hub/catwalk.js"), "hub", "--listen", listen, "--data", dataDir];
    const arch = process.arch === "arm64" ? "arm64" : "amd64";
    this.#env = {
      ...process.env,
      CATWALK_WORKER_BUNDLE: join(image, "hub/worker.js"),
      CATWALK_WORKERD: join(image, `hub/workerd-${arch}`),
    };
    this.#child = this.#run();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }

  #run(): ChildProcess {
    const child = spawn(process.execPath, this.#args, { stdio: "ignore", env: this.#env });
    child.once("exit", () => {
      if (this.#isStopping) return;
      setTimeout(() => (this.#child = this.#run()), RESTART_MS);
    });
    return child;
  }
}

export async function* benchHubKilled(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  const nodes = Array.from({ length: NODES }, (_, n) => new Node(rig, n));
  while (!nodes.every(({ isInSync }) => isInSync)) await pause(50);
  let number = 0;
  const churn = setInterval(() => {
    home.publisher.onSource([putOf(pod("moving", "10.200.0.1", { at: String(++number) }))]);
  }, CHANGE_MS);
  yield* figures("workerd", await gapsOf(nodes, () => process.kill(rig.workerdPid(), "SIGKILL")));
  const { host } = new URL(rig.hub.url);
  await rig.hub.stop();
  const hub = new HubCommand(join(rig.root, "image"), host, join(rig.root, "hub"));
  await pause(EVERY_MS);
  yield* figures("the hub's process", await gapsOf(nodes, () => hub.kill()));
  clearInterval(churn);
  for (const node of nodes) node.stop();
  await hub.stop();
  await rig.stop();
}

/** Answers, of each node and kill, the longest that no change came, in ms. */
async function gapsOf(nodes: readonly Node[], kill: () => void): Promise<readonly number[]> {
  const gaps: number[] = [];
  for (let n = 0; n < KILLS; n++) {
    for (const node of nodes) node.takeGap();
    kill();
    await pause(EVERY_MS);
    const these = nodes.map((node) => node.takeGap());
    progress(`${Math.min(...these).toFixed(0)} to ${Math.max(...these).toFixed(0)} ms`);
    gaps.push(...these);
  }
  return gaps;
}

function* figures(what: string, took: readonly number[]): Generator<Figure> {
  const name = `${what} killed every 10 s: no change on one of ${NODES} nodes`;
  yield figure(`${name}: p50`, quantile(took, 0.5) / 1000, "s", 1);
  yield figure(`${name}: p99`, quantile(took, 0.99) / 1000, "s", 3);
}
