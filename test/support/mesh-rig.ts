/**
 * A hub with relays as processes, as a user runs them, for end-to-end tests. The hub is plain
 * workerd, or Miniflare where `CATWALK_TEST_HUB=miniflare` asks for it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { applyRcc, listRccs } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { startCatwalk, userEnv } from "./catwalk-command.ts";
import type { Ended, StartedProgram } from "./catwalk-command.ts";
import type { RccDocument } from "../../shared/visibility/rcc.ts";
import { adminOf } from "./hub-api.ts";
import type { AnswerOf, Operation } from "../../shared/api/operation.ts";
import type { RequestOf } from "../../shared/api/request.ts";
import { startRelay } from "../../cli/demo/relay-process.ts";
import type { RelayProcess } from "../../cli/demo/relay-process.ts";
import { startHub } from "../../cli/launch/hub.ts";
import type { HubOptions } from "../../cli/launch/hub.ts";
import { startMiniflareHub } from "./miniflare-hub.ts";

/** `kill`: SIGKILL to its workerd, which is started again. */
interface TestHub {
  readonly url: string;
  readonly adminToken: string;
  /** Of the shell around workerd, where our launcher runs it. */
  pid?(): number | undefined;
  kill(): void;
  stop(): Promise<void>;
}

const IS_MINIFLARE = process.env["CATWALK_TEST_HUB"] === "miniflare";

export class MeshRig {
  readonly root = mkdtempSync(join(tmpdir(), "catwalk-e2e-"));
  hub: TestHub | null = null;
  hubUrl = "";
  /** Receivers of webhooks in tests are on this machine. */
  allowPrivateWebhooks = false;
  #token = "";
  readonly #relays = new Map<string, RelayProcess>();
  readonly #joinTokens = new Map<string, string>();

  /** Programs of relays that are not of this version, by cluster. */
  readonly programs = new Map<string, string>();

  /**
   * Starts (or, on the same port, starts again) the hub.
   * @param workerBundle The Worker of another version.
   */
  async startHub(workerBundle?: string): Promise<void> {
    const port = this.hubUrl === "" ? 0 : Number(new URL(this.hubUrl).port);
    const dataDir = join(this.root, "hub");
    const { allowPrivateWebhooks } = this;
    this.hub = IS_MINIFLARE
      ? await startMiniflareHub({ port, dataDir, allowPrivateWebhooks, workerBundle })
      : await startLaunchedHub({
          listen: `127.0.0.1:${port}`,
          dataDir,
          log: () => undefined,
          allowPrivateWebhooks,
          ...(workerBundle === undefined ? {} : { workerBundle }),
        });
    this.hubUrl = this.hub.url;
    this.#token = this.hub.adminToken;
  }

  /** The hub's disk is gone: stops it and forgets its data. */
  async loseHub(): Promise<void> {
    await this.stopHub();
    rmSync(join(this.root, "hub"), { recursive: true, force: true });
  }

  async stopHub(): Promise<void> {
    await this.hub?.stop();
    this.hub = null;
  }

  /** SIGKILL to workerd, which is started again. */
  killWorkerd(): void {
    this.hub?.kill();
  }

  /**
   * A request of the admin API.
   *
   * @param ifMatch `*` replaces what is there.
   */
  call<O extends Operation>(
    operation: O,
    request: RequestOf<O>,
    ifMatch: "*" | null = null,
  ): Promise<AnswerOf<O>> {
    const admin = adminOf({ url: this.hubUrl, adminToken: this.#token }, "demo");
    return admin.call(operation, request, ifMatch);
  }

  /** An RCC that names a member, whatever there is of its name now. */
  async putRcc(cluster: string, remote: string, spec: RccDocument["spec"]): Promise<void> {
    const params = { mesh: "demo", cluster, rcc: remote };
    const { items } = await this.call(listRccs, { params: { mesh: "demo", cluster } });
    const isThere = items.some(({ metadata }) => metadata.name === remote);
    const body = { ...memberRcc(remote), spec };
    await this.call(applyRcc, { params, body }, isThere ? "*" : null);
  }

  /**
   * The hub, the demo's mesh and its two relays, of which app's serves what db has.
   * @param appFlags Of app's relay besides.
   */
  async startDemo(...appFlags: readonly string[]): Promise<RelayProcess> {
    await this.startHub();
    await this.createDemo();
    await this.startRelay("db");
    const app = await this.startRelay("app", ...appFlags);
    await eventually(
      () => this.served("app", "db"),
      (ips) => ips.length > 0,
    );
    return app;
  }

  /**
   * Mesh `demo` with clusters `app` and `db` over copies of the demo's folders; app sees db.
   * @param cidrs Pod ranges that the operator gives, by cluster.
   */
  async createDemo(cidrs: Readonly<Record<string, readonly string[]>> = {}): Promise<void> {
    const mesh = "demo";
    await this.call(createMesh, { body: { name: mesh } });
    for (const name of ["app", "db"]) {
      cpSync(join(import.meta.dirname, "../../deploy/demo", name), this.folder(name), {
        recursive: true,
      });
      await this.addCluster(name, cidrs[name]);
    }
    await this.call(applyRcc, {
      params: { mesh, cluster: "app", rcc: "db" },
      body: memberRcc("db"),
    });
    await this.call(createGrant, { params: { mesh }, body: { origin: "db", reader: "app" } });
  }

  /** In mesh `demo`; its relay joins when it is started. */
  async addCluster(name: string, cidrs?: readonly string[]): Promise<void> {
    const added = await this.call(addCluster, {
      params: { mesh: "demo" },
      body: { name, ...(cidrs === undefined ? {} : { cidrs: [...cidrs] }) },
    });
    this.#joinTokens.set(name, added.joinToken);
  }

  folder(cluster: string): string {
    return join(this.root, "manifests", cluster);
  }

  state(cluster: string): string {
    return join(this.root, "relays", cluster);
  }

  logFile(cluster: string): string {
    return join(this.root, `${cluster}.log`);
  }

  /** With the demo's folder as its source, unless `more` chooses another. */
  async startRelay(cluster: string, ...more: readonly string[]): Promise<RelayProcess> {
    const source = more.includes("--kubeconfig") ? [] : ["--manifests", this.folder(cluster)];
    const common = ["--state", this.state(cluster), "--hub", this.hubUrl];
    const args = [...common, "--http-listen", "127.0.0.1:0", ...source, ...more];
    const token = this.#joinTokens.get(cluster);
    this.#joinTokens.delete(cluster);
    const env = { ...process.env, ...(token === undefined ? {} : { CATWALK_JOIN_TOKEN: token }) };
    const relay = await startRelay(
      cluster,
      args,
      env,
      this.logFile(cluster),
      this.programs.get(cluster),
    );
    this.#relays.set(cluster, relay);
    return relay;
  }

  relay(cluster: string): RelayProcess {
    const relay = this.#relays.get(cluster);
    if (relay === undefined) throw new Error(`relay ${cluster} does not run`);
    return relay;
  }

  async killRelay(cluster: string): Promise<void> {
    const relay = this.relay(cluster);
    this.#relays.delete(cluster);
    await relay.kill();
  }

  async fromRelay<T>(cluster: string, path: string): Promise<T> {
    return (await (await fetch(new URL(path, this.relay(cluster).url))).json()) as T;
  }

  /** Addresses of the endpoints of `origin` that the relay of `cluster` serves. */
  async served(cluster: string, origin: string): Promise<string[]> {
    const text = await (await fetch(new URL("/view", this.relay(cluster).url))).text();
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { origin?: string; record?: { ips?: string[] } })
      .filter((line) => line.origin === origin)
      .flatMap((line) => line.record?.ips ?? []);
  }

  /** Of a user of the mesh `demo`. */
  get env(): NodeJS.ProcessEnv {
    return userEnv(this.root, { url: this.hubUrl, adminToken: this.#token });
  }

  catwalk(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** A command that goes on until it is stopped. */
  start(...args: readonly string[]): StartedProgram {
    return startCatwalk(args, { cwd: this.root, env: this.env });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop()));
    await this.stopHub();
    rmSync(this.root, { recursive: true, force: true });
  }
}

async function startLaunchedHub(options: HubOptions): Promise<TestHub> {
  const hub = await startHub(options);
  return { ...hub, kill: () => killBelow(hub.pid()) };
}

/** @param shell Process id of the guard around workerd. */
function killBelow(shell: number | undefined): void {
  const children = execFileSync("pgrep", ["-P", String(shell), "-f", "workerd"], {
    encoding: "utf8",
  });
  for (const pid of children.trim().split("\n")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // The guard's subshell may have ended by itself.
    }
  }
}

/** Only ends a wait that is in vain: on a busy machine all that should come comes, late. */
const PATIENCE_MS = 300_000;

/** Asks again until the answer passes; fails with the last answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  check: (answer: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    let answer: T | undefined;
    let problem: unknown;
    try {
      answer = await ask();
      if (check(answer)) return answer;
    } catch (error) {
      problem = error;
    }
    if (performance.now() > deadline)
      throw new Error(
        `waited ${PATIENCE_MS} ms; last: ${JSON.stringify(answer) ?? String(problem)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
