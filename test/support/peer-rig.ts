/**
 * Relays of one cluster as far as they ask each other: real servers and askers over loopback, real
 * view files in folders of their own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { makeKey } from "../../relay/hub/identity.ts";
import { newLogger } from "../../relay/lib/log.ts";
import type { Logger } from "../../relay/lib/log.ts";
import { askAll } from "../../relay/peers/ask-all.ts";
import type { PeerReport } from "../../relay/peers/ask-all.ts";
import { PeerConnection } from "../../relay/peers/connection.ts";
import { peerCertificate } from "../../relay/peers/handshake.ts";
import { PEER_LIMITS } from "../../relay/peers/limits.ts";
import type { PeerLimits } from "../../relay/peers/limits.ts";
import { PeerServer } from "../../relay/peers/server.ts";
import { Remotes } from "../../relay/view/remotes.ts";
import { OwnAddresses } from "../../relay/view/served.ts";

export const OWN = peerCertificate(await makeKey());
export const OTHERS = peerCertificate(await makeKey());

/** Short enough for a test to wait for their end. */
export const SHORT: PeerLimits = { ...PEER_LIMITS, idleMs: 1_000, totalMs: 8_000, busyMs: 20 };

export interface Asked {
  readonly dir: string;
  readonly facts: AccessFacts | null;
  readonly report: PeerReport | null;
}

export interface AskOptions {
  readonly dir?: string;
  /** What it knows itself. */
  readonly own?: AccessFacts | null;
  readonly limits?: PeerLimits;
  readonly signal?: AbortSignal;
  readonly log?: Logger;
}

export class PeerRig {
  readonly #folders: string[] = [];
  readonly #ends: (() => Promise<void>)[] = [];

  folder(): string {
    const made = mkdtempSync(join(tmpdir(), "catwalk-peers-"));
    this.#folders.push(made);
    return made;
  }

  /** The remotes of a folder, opened as a relay does. */
  remotes(dir: string, facts: AccessFacts): Remotes {
    const remotes = new Remotes(
      {
        stateDir: dir,
        watchUrl: () => "ws://127.0.0.1:1/",
        headers: () => Promise.reject(new Error("not joined")),
        log: newLogger("test", "silent"),
        onState: () => undefined,
      },
      new OwnAddresses({ pods: [], nodes: [] }, []),
    );
    remotes.followFacts(facts, false);
    this.#ends.push(async () => remotes.stop());
    return remotes;
  }

  /** A relay that gives what is in a folder. @returns Its address. */
  async serve(
    dir: string,
    facts: AccessFacts,
    {
      certificate = OWN,
      limits = SHORT,
      remotes = this.remotes(dir, facts),
      log = newLogger("test", "silent"),
    } = {},
  ): Promise<string> {
    const offer = {
      facts: () => facts,
      views: () => remotes.files(),
      view: (rcc: string) => remotes.file(rcc),
      follow: () => null,
    };
    const server = new PeerServer(certificate, offer, log, limits);
    this.#ends.push(() => server.stop());
    return `127.0.0.1:${await server.start("127.0.0.1:0")}`;
  }

  /** Something in a relay's place. @returns Its address. */
  async serveBy(onSocket: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#ends.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Somebody who has the key and says what the test wants. */
  serveWithKey(
    answer: (question: Buffer, connection: PeerConnection) => Promise<void>,
  ): Promise<string> {
    return this.serveBy((socket) => {
      const serve = async (): Promise<void> => {
        const connection = await PeerConnection.accept(socket, OWN, 1_000);
        await answer(await connection.receive(), connection);
      };
      // That the asker leaves is what such a test is about.
      serve().catch(() => socket.destroy());
    });
  }

  /** A relay that starts asks these. */
  async ask(addresses: readonly string[], options: AskOptions = {}): Promise<Asked> {
    const { dir = this.folder(), own = null, limits = SHORT } = options;
    const { signal = new AbortController().signal } = options;
    const { log = newLogger("test", "silent") } = options;
    let facts: AccessFacts | null = own;
    const report = await askAll({
      asking: { certificate: OWN, limits, signal },
      stateDir: dir,
      membership: {
        credential: "c",
        meshId: "mesh-1",
        mesh: "demo",
        cluster: { uid: "a".repeat(32), name: "app" },
      },
      facts: () => facts,
      keepFacts: (newer) => (facts = newer),
      find: () => Promise.resolve(addresses),
      log,
    });
    return { dir, facts, report };
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end();
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true });
  }
}
