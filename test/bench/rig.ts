/**
 * A hub on plain workerd with one origin and one reading cluster, joined with real credentials, for
 * load from this process.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { adminOf } from "../support/hub-api.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { Home } from "../../relay/publish/home.ts";
import type { Client } from "../../cli/admin/client.ts";
import { startHub } from "../../cli/launch/hub.ts";
import type { RunningHub } from "../../cli/launch/hub.ts";
import { LocalState } from "../../relay/publish/local-state.ts";

import { cpuSeconds, residentBytes } from "./cpu.ts";
import { progress } from "./figure.ts";

export class BenchRig {
  readonly root = mkdtempSync(join(tmpdir(), "catwalk-bench-"));
  readonly local = new LocalState();
  readonly #homes: Home[] = [];
  #hub: RunningHub | null = null;
  origin: Credentials | null = null;
  reader: Credentials | null = null;

  /** @param cidr Of the origin's pods. */
  static async start(cidr = "10.0.0.0/8"): Promise<BenchRig> {
    const rig = new BenchRig();
    rig.#hub = await startHub({
      listen: "127.0.0.1:0",
      dataDir: join(rig.root, "hub"),
      log: progress,
    });
    const admin = rig.admin("bench");
    await admin.call(createMesh, { body: { name: "bench" } });
    rig.origin = await rig.#join("o", [cidr]);
    rig.reader = await rig.#join("r", []);
    const params = { mesh: "bench" };
    await admin.call(applyRcc, {
      params: { ...params, cluster: "r", rcc: "o" },
      body: memberRcc("o"),
    });
    await admin.call(createGrant, { params, body: { origin: "o", reader: "r" } });
    return rig;
  }

  admin(mesh: string): Client {
    return adminOf(this.hub, mesh);
  }

  get hub(): RunningHub {
    if (this.#hub === null) throw new Error("BUG: not started");
    return this.#hub;
  }

  /** Stops what is left of the hub and starts it again at the same address, on the same data. */
  async restartHub(): Promise<void> {
    const { url } = this.hub;
    await this.hub.stop();
    this.#hub = await startHub({
      listen: new URL(url).host,
      dataDir: join(this.root, "hub"),
      log: progress,
    });
  }

  hubCpuSeconds(): number {
    return cpuSeconds(this.workerdPid());
  }

  hubResidentBytes(): number {
    return residentBytes(this.workerdPid());
  }

  /** workerd is the child of the shell that guards it. */
  workerdPid(): number {
    const shell = String(this.hub.pid());
    return Number(execFileSync("pgrep", ["-P", shell, "-x", "workerd"]).toString());
  }

  get homeUrl(): string {
    return `${this.hub.url.replace("http", "ws")}/v1/connect/home`;
  }

  originHeaders(): Promise<Readonly<Record<string, string>>> {
    return (this.origin as Credentials).headers();
  }

  /** Of the origin, for its readers. */
  get watchUrl(): string {
    return `${this.hub.url.replace("http", "ws")}/v1/connect/watch/${this.origin?.membership?.cluster.uid}`;
  }

  readerHeaders(): Promise<Readonly<Record<string, string>>> {
    return (this.reader as Credentials).headers();
  }

  /** Connects the publisher and says that its source has listed. */
  async publish(): Promise<Home> {
    const home = new Home({
      url: this.homeUrl,
      local: this.local,
      headers: () => this.originHeaders(),
      onRefused: () => undefined,
      accessVersion: () => 0,
      onAccess: () => undefined,
      onDown: () => undefined,
      onUp: () => undefined,
    });
    this.#homes.push(home);
    home.publisher.onListed();
    home.start();
    while (home.publisher.status().phase !== "reconciled")
      await new Promise((resolve) => setTimeout(resolve, 5));
    return home;
  }

  async stop(): Promise<void> {
    for (const home of this.#homes) home.stop();
    await this.hub.stop();
    rmSync(this.root, { recursive: true, force: true });
  }

  async #join(name: string, cidrs: readonly string[]): Promise<Credentials> {
    const { joinToken } = await this.admin("bench").call(addCluster, {
      params: { mesh: "bench" },
      body: { name, ...(cidrs.length > 0 ? { cidrs: [...cidrs] } : {}) },
    });
    const credentials = await Credentials.open(join(this.root, name));
    await credentials.join(this.hub.url, joinToken);
    return credentials;
  }
}
