/**
 * One answer of `/view`: what this relay would serve, own records and remote ones, a JSON line
 * each; with `follow`, changes as they come. It writes as fast as its client takes, and lets others
 * have a turn. What changes meanwhile waits as one entry a key, however often it changes. [VIE23]
 */
import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";

import type { EncodedChange } from "../../shared/record/encoding.ts";
import type { HeldRecord } from "../view/held-records.ts";
import type { LocalState } from "../publish/local-state.ts";
import type { Remotes } from "../view/remotes.ts";
import type { ServedChange } from "../view/serving.ts";

/** What of a relay is shown. */
export interface ViewSource {
  readonly clusterName: string | null;
  readonly own: {
    readonly local: LocalState;
    subscribe(listener: (changes: readonly EncodedChange[]) => void): () => void;
  };
  readonly remotes: Remotes;
  status(): { readonly accessVersion: number; readonly hubAgeSeconds: number | null };
}

export interface ViewLimits {
  /** Work of one answer before others have a turn. */
  readonly sliceMs: number;
  /** A client that takes nothing of what waits for it is cut off after so long. */
  readonly untakenMs: number;
  /** Keys whose change waits for the client; with more it is cut off, and asks again. */
  readonly pending: number;
}

/** `null`: there is nothing to say any more. */
type Line = () => object | null;

export class ViewStream {
  readonly #relay: ViewSource;
  readonly #response: ServerResponse;
  readonly #limits: ViewLimits;
  readonly #own: string;
  /** By origin and key, in the order of their first change. */
  readonly #pending = new Map<string, Line>();
  #sliceEndsMs = 0;
  #isWriting = true;

  constructor(relay: ViewSource, response: ServerResponse, limits: ViewLimits) {
    this.#relay = relay;
    this.#response = response;
    this.#limits = limits;
    this.#own = relay.clusterName ?? "";
  }

  /**
   * Lines `{"origin","kind","key","revision","record"}`; a deletion has `"deleted":true` and the
   * last record; `{"event":"listed"}` ends the present state and names the remotes whose labels
   * rules see `prefixed`. `origin` is the RCC's name, or the cluster's own name for its own records
   * (revision 0). Of a key that changes before `listed` the newer line follows.
   */
  async run(follow: boolean): Promise<void> {
    const { remotes, own } = this.#relay;
    const unsubscribe = [
      remotes.subscribe((changes) => this.#onRemote(changes)),
      own.subscribe((changes) => this.#onLocal(changes)),
    ];
    this.#response.once("close", () => {
      for (const end of unsubscribe) end();
    });
    this.#response.setTimeout(this.#limits.untakenMs, () => {
      if (this.#response.writableLength > 0) this.#response.destroy();
    });
    this.#response.writeHead(200, { "content-type": "application/x-ndjson" });
    this.#startSlice();
    for (const { id, line } of this.#present()) {
      if (this.#response.destroyed) return;
      if (!this.#pending.has(id)) await this.#write(line());
    }
    await this.#writePending(this.#pending.size);
    await this.#write(this.#listed());
    if (!follow) {
      this.#response.end();
      return;
    }
    await this.#writePending(Infinity);
    this.#isWriting = false;
  }

  *#present(): Generator<{ readonly id: string; readonly line: Line }> {
    const { own, remotes } = this.#relay;
    for (const { key, record } of own.local.records())
      yield { id: idOf(this.#own, key), line: () => lineOf(this.#own, ownRecord(key, record)) };
    for (const { rcc, read } of remotes.servedRecords()) {
      const held = read();
      if (held !== null) yield { id: idOf(rcc, held.key), line: () => lineOf(rcc, held) };
    }
  }

  #listed(): object {
    const { remotes } = this.#relay;
    const { accessVersion, hubAgeSeconds } = this.#relay.status();
    const prefixed = [...remotes.names()].filter((rcc) => remotes.labelMode(rcc) === "prefixed");
    return { event: "listed", cluster: this.#own, accessVersion, hubAgeSeconds, prefixed };
  }

  #onRemote(changes: readonly ServedChange[]): void {
    for (const { rcc, op, held } of changes)
      // A put is read when it is written: a client that takes little keeps no records in memory.
      this.#await(rcc, held.key, () => {
        if (op === "delete") return { ...lineOf(rcc, held), deleted: true };
        const now = this.#relay.remotes.servedAt(rcc, held.key);
        return now && lineOf(rcc, now);
      });
    this.#wake();
  }

  #onLocal(changes: readonly EncodedChange[]): void {
    for (const change of changes) {
      const { op, key } = change;
      const record = op === "put" ? change.record : this.#relay.own.local.byKey(key)?.record;
      if (record === undefined) continue;
      const line = lineOf(this.#own, ownRecord(key, record));
      this.#await(this.#own, key, () => (op === "put" ? line : { ...line, deleted: true }));
    }
    this.#wake();
  }

  #await(origin: string, key: string, line: Line): void {
    this.#pending.set(idOf(origin, key), line);
    if (this.#pending.size > this.#limits.pending) this.#response.destroy();
  }

  #wake(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#startSlice();
    this.#writePending(Infinity).then(
      () => (this.#isWriting = false),
      (error: unknown) => this.#response.destroy(error instanceof Error ? error : undefined),
    );
  }

  /** @param count Of the oldest; what changes meanwhile comes after them. */
  async #writePending(count: number): Promise<void> {
    for (const [id, line] of this.#pending) {
      if (count-- <= 0 || this.#response.destroyed) return;
      this.#pending.delete(id);
      await this.#write(line());
    }
  }

  /** Returns once there is room for the next one, and others have had their turn. */
  async #write(line: object | null): Promise<void> {
    if (line === null || this.#response.destroyed) return;
    const isRoom = this.#response.write(`${JSON.stringify(line)}\n`);
    if (isRoom && performance.now() < this.#sliceEndsMs) return;
    if (!isRoom) await this.#untilTaken();
    await nextTurn();
    this.#startSlice();
  }

  #startSlice(): void {
    this.#sliceEndsMs = performance.now() + this.#limits.sliceMs;
  }

  #untilTaken(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#response.off("drain", done).off("close", done);
        resolve();
      };
      this.#response.on("drain", done).on("close", done);
    });
  }
}

function idOf(origin: string, key: string): string {
  return `${origin} ${key}`;
}

function ownRecord(key: string, record: HeldRecord["record"]): HeldRecord {
  return { key, record, revision: 0 };
}

function lineOf(origin: string, { key, revision, record }: HeldRecord): object {
  return { origin, kind: record.kind, key, revision, record };
}
