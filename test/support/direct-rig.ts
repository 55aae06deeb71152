/** A relay of the demo's `app` without a hub, and remotes that it reads itself. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";

import { pino } from "pino";

import { serveHttp } from "../../relay/http/server.ts";
import type { HttpServer } from "../../relay/http/server.ts";
import { Relay } from "../../relay/relay.ts";
import { COLLECTIONS } from "../../relay/source/convert/converters.ts";
import { openSource } from "../../relay/source/open-source.ts";
import { readDocuments } from "../../relay/source/manifests/read-documents.ts";
import type { FakeApiServer, FakeObject } from "../relay/source/fake-api-server.ts";
import type { DirectReport } from "../../relay/direct/direct-report.ts";

export const APP = "deploy/demo/app";
export const DB = "deploy/demo/db";

/** Collection of the fake server → objects of a folder of manifests. */
export function objectsOf(
  folder: string,
): { readonly path: string; readonly object: FakeObject }[] {
  return readdirSync(folder).flatMap((file) => {
    const read = readDocuments(readFileSync(join(folder, file), "utf8"));
    if (!read.ok) throw new Error(read.message);
    return read.objects.flatMap(({ json }) => {
      const of = COLLECTIONS.find(({ kind }) => kind === json["kind"]);
      if (of === undefined) return [];
      const path =
        of.group === "core"
          ? `/api/v1/${of.plural}`
          : `/apis/crd.projectcalico.org/v1/${of.plural}`;
      return [{ path, object: json as unknown as FakeObject }];
    });
  });
}

export function fill(server: FakeApiServer, folder: string): void {
  for (const { path, object } of objectsOf(folder)) server.put(path, object);
}

export function rccText(name: string, spec: object, annotations: object = {}): string {
  return JSON.stringify({
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name, annotations },
    spec,
  });
}

export interface RigOptions {
  readonly own?: string;
  readonly kubeconfig?: string;
  readonly rccInsecureTls?: boolean;
  readonly withdrawalHoldSeconds?: number;
  /** What else is opened with it. */
  readonly beforeStart?: (relay: Relay) => void;
}

export class DirectRig {
  readonly dir = mkdtempSync(join(tmpdir(), "catwalk-direct-"));
  readonly rccs = join(this.dir, "rccs");
  /** All lines of the relay's log. */
  log = "";
  #relay: Relay | null = null;
  #http: HttpServer | null = null;

  constructor() {
    mkdirSync(this.rccs);
  }

  get relay(): Relay {
    if (this.#relay === null) throw new Error("BUG: not started");
    return this.#relay;
  }

  get url(): string {
    return this.#http?.url ?? "";
  }

  apply(name: string, spec: object, annotations: object = {}): void {
    writeFileSync(join(this.rccs, `${name}.yaml`), rccText(name, spec, annotations));
  }

  remove(name: string): void {
    rmSync(join(this.rccs, `${name}.yaml`));
  }

  async start({ own = APP, beforeStart, ...rest }: RigOptions = {}): Promise<Relay> {
    const config = {
      state: join(this.dir, "state"),
      rccDir: this.rccs,
      source: "manifests" as const,
      manifests: own,
      withdrawalHoldSeconds: 600,
      inSyncWaitSeconds: 30,
      ...rest,
    };
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.log += chunk.toString();
        done();
      },
    });
    const source = openSource({ kind: "manifests", folder: own });
    const log = pino({ level: "trace" }, sink);
    this.#relay = await Relay.open(config, source, log);
    this.#http = await serveHttp(this.#relay, { listen: "127.0.0.1:0", token: null, log });
    beforeStart?.(this.#relay);
    this.#relay.start();
    return this.#relay;
  }

  async stop(): Promise<void> {
    await this.#http?.close();
    await this.#relay?.stop();
    this.#relay = null;
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** What is served of a remote, by key. */
  served(rcc: string): Map<string, unknown> {
    const found = [...this.relay.remotes.served()].filter((one) => one.rcc === rcc);
    return new Map(found.map(({ held }) => [held.key, held.record]));
  }

  status(rcc: string): number | undefined {
    return this.relay.remotes.reports().find((report) => report.rcc === rcc)?.connectionStatus;
  }

  report(rcc: string): DirectReport | undefined {
    return this.relay.status().direct?.remotes.find((remote) => remote.rcc === rcc);
  }

  condition(rcc: string, type: string): { readonly reason: string; readonly message: string } {
    const found = this.report(rcc)?.conditions.find((condition) => condition.type === type);
    return { reason: found?.reason ?? "", message: found?.message ?? "" };
  }
}

/** Waits for a condition, not for a time. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
}
