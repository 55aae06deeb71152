/** A relay in this process whose hub is away: it serves what is in its state folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { AccessState } from "../../relay/access/access-state.ts";
import { serveHttp } from "../../relay/http/server.ts";
import type { HttpServer } from "../../relay/http/server.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { Relay } from "../../relay/relay.ts";
import type { Source, SourceSink } from "../../relay/source/source.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { accessFacts, writeManyOf } from "./stored-view.ts";

export class LoneRelay {
  readonly dir = mkdtempSync(join(tmpdir(), "catwalk-lone-"));
  #relay: Relay | null = null;
  readonly #servers: HttpServer[] = [];
  /** What its cluster's source tells it. */
  sink: SourceSink | null = null;

  /**
   * With a view of `db`.
   * @param beforeStart Is given the relay before it begins.
   */
  start(records: readonly CalicoRecord[], beforeStart: (relay: Relay) => void = () => {}): Relay {
    writeManyOf(this.dir, {}, records);
    const facts: AccessFacts = { ...accessFacts(1, [{}]), ranges: { pods: [], nodes: [] } };
    new AccessState(this.dir).keep(facts);
    const membership = { credential: "c", meshId: "mesh-1", mesh: "demo", cluster: facts.cluster };
    const config = {
      state: this.dir,
      hub: "http://127.0.0.1:1",
      source: "manifests" as const,
      withdrawalHoldSeconds: 600,
      inSyncWaitSeconds: 30,
    };
    const identity = {
      membership,
      headers: () => Promise.resolve({}),
      join: () => Promise.resolve(membership),
      correctClock: () => null,
      skewMs: 0,
    };
    this.#relay = new Relay(config, this.#source(), newLogger("test", "silent"), identity);
    beforeStart(this.#relay);
    this.#relay.start();
    return this.#relay;
  }

  /** @returns Where its HTTP is. */
  async serve(listen = "127.0.0.1:0", token: string | null = null): Promise<string> {
    if (this.#relay === null) throw new Error("BUG: not started");
    const server = await serveHttp(this.#relay, {
      listen,
      token,
      log: newLogger("test", "silent"),
    });
    this.#servers.push(server);
    return server.url;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
    await this.#relay?.stop();
    rmSync(this.dir, { recursive: true });
  }

  #source(): Source {
    return {
      start: (sink) => void (this.sink = sink),
      stop: () => Promise.resolve(),
      health: () => ({ collections: [] }),
      policies: () => Promise.resolve({ items: [], unread: [] }),
    };
  }
}
