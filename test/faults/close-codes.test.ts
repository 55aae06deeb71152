/**
 * Whatever a hub closes sockets with, or answers instead of them: what a relay serves stays. Only
 * an `access` message withdraws.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { Home } from "../../relay/publish/home.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import { Remotes } from "../../relay/view/remotes.ts";
import type { ServedChange } from "../../relay/view/serving.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import { CLOSE_CODES, closeReasonOf } from "../../shared/protocol/errors.ts";
import { eventually } from "../support/mesh-rig.ts";
import { pod } from "../support/records.ts";
import { accessFacts, writeView } from "../support/stored-view.ts";
import { startRawHub, startSocketHub } from "./fake-hub.ts";
import type { FakeHub } from "./fake-hub.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A relay with one complete view on disk, between its hub and those it serves. */
class Relay {
  readonly told: ServedChange[] = [];
  readonly downs: string[] = [];
  readonly remotes: Remotes;
  readonly home: Home;
  readonly file: string;

  constructor(hub: FakeHub) {
    const stateDir = mkdtempSync(join(tmpdir(), "catwalk-codes-"));
    folders.push(stateDir);
    this.file = join(stateDir, "views", "db.view");
    writeView(stateDir, pod("a", "10.20.0.1"), pod("b", "10.20.0.2"));
    const headers = () => Promise.resolve({});
    this.remotes = new Remotes(
      {
        stateDir,
        watchUrl: () => `ws://${hub.host}/watch`,
        headers,
        log: newLogger("test", "silent"),
        onState: () => undefined,
      },
      new OwnAddresses({ pods: [], nodes: [] }, []),
    );
    this.home = new Home({
      url: `ws://${hub.host}/home`,
      local: new LocalState(),
      headers,
      onRefused: () => undefined,
      accessVersion: () => 3,
      onAccess: (facts) => this.remotes.followFacts(facts, true),
      onDown: (reason) => this.downs.push(String(reason)),
      onUp: () => undefined,
    });
    this.remotes.followFacts(accessFacts(3, [{}]), true);
    this.remotes.subscribe((changes) => this.told.push(...changes));
    this.home.start();
  }

  ips(): string[] {
    return [...this.remotes.served()]
      .flatMap(({ held }) => ("ips" in held.record ? held.record.ips : []))
      .toSorted();
  }

  expectAllServed(): void {
    expect(this.ips()).toEqual(["10.20.0.1", "10.20.0.2"]);
    expect(this.told).toEqual([]);
    expect(existsSync(this.file)).toBe(true);
  }

  stop(): void {
    this.home.stop();
    this.remotes.stop();
  }
}

/** For good: the cluster is gone, or its key is. All others are tried again. */
const FINAL = new Set(["removed", "unauthenticated"]);
const CODES = [...Object.values(CLOSE_CODES), 1000, 1001, 1008, 1011, 3000, 4499];

for (const code of CODES)
  test.concurrent(`[PRO8] a hub that closes every socket with ${code} (${closeReasonOf(code) ?? "not one of ours"}) withdraws nothing`, async ({
    onTestFinished,
  }) => {
    const paths: string[] = [];
    const hub = await startSocketHub((socket, path) => {
      paths.push(path);
      // Once after the hello, then at once: both are seen by either kind of socket.
      if (paths.filter((p) => p === path).length === 1)
        socket.once("message", () => socket.close(code, "for the test"));
      else socket.close(code, "for the test");
    });
    const relay = new Relay(hub);
    onTestFinished(async () => {
      relay.stop();
      await hub.close();
    });
    const reason = closeReasonOf(code);
    const isFinal = reason !== null && FINAL.has(reason);
    const count = (wanted: string) => paths.filter((path) => path === wanted).length;
    await eventually(
      () => Promise.resolve([count("/watch"), isFinal ? 3 : count("/home")]),
      (counts) => counts.every((dials) => dials >= 3),
    );
    relay.expectAllServed();
    expect(relay.home.stopped !== null).toBe(isFinal);
    expect(isFinal ? count("/home") : 1).toBe(1);
    expect(relay.downs[0]).toBe(String(reason));
  });

for (const status of [301, 400, 401, 403, 404, 410, 426, 429, 500, 503])
  test.concurrent(`[PRO8] a hub that answers ${status} instead of a WebSocket withdraws nothing`, async ({
    onTestFinished,
  }) => {
    const hub = await startRawHub((socket) =>
      socket.end(
        `HTTP/1.1 ${status} No\r\ncontent-type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}`,
      ),
    );
    const relay = new Relay(hub);
    onTestFinished(async () => {
      relay.stop();
      await hub.close();
    });
    await eventually(
      () => Promise.resolve(hub.dials()),
      (dials) => dials >= 5,
    );
    relay.expectAllServed();
    expect(relay.home.stopped).toBe(null);
  });
