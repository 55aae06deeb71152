/**
 * Follows a cluster through its Typha: what Calico has converted already, on one connection,
 * without a right on the API server. A connection that comes back is a new list: what it has not
 * told again by its in-sync is gone, and until then nothing is. [SRC70..SRC73]
 */
import type { Duplex } from "node:stream";

import type { EncodedChange } from "../../../shared/record/encoding.ts";
import type { DeleteCause } from "../../../shared/record/record.ts";
import { SYNC_STATUS } from "../../typha/wire/messages.ts";
import { TyphaLink } from "../../typha/upstream/typha-link.ts";
import type { FromLink } from "../../typha/upstream/typha-link.ts";
import { SOFTWARE } from "../../lib/version.ts";
import { converted } from "../convert/conversion.ts";
import { RecordStore } from "../record-store.ts";
import type { ClusterPolicies, Source, SourceSink } from "../source.ts";
import { convertValue } from "./convert-value.ts";
import { publishedKey } from "./key-path.ts";
import { scanned } from "./scan.ts";

export interface TyphaSourceOptions {
  /** For people: where `dial` goes. */
  readonly address: string;
  /** A connected socket, or why there is none. */
  dial(): Promise<Duplex | string>;
  readonly compress: boolean;
  /** Typha has policies in Felix's form only: they are read from the API server. */
  policies(): Promise<ClusterPolicies>;
  /** Typha has no Services: they are followed at the API server. Absent: they are not. */
  readonly services?: Source;
}

const SILENCE_CHECK_MS = 5_000;

export class TyphaSource implements Source {
  readonly #options: TyphaSourceOptions;
  readonly #link: TyphaLink;
  readonly #store: RecordStore;
  /** Paths that are in the stream, with whether the present connection has told them. */
  readonly #paths = new Map<string, boolean>();
  #changes: EncodedChange[] = [];
  #sink: SourceSink | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isListed = false;
  #isInSync = false;
  #error: string | null = null;

  constructor(options: TyphaSourceOptions) {
    this.#options = options;
    this.#store = new RecordStore({
      problem: (problem) => this.#sink?.problem(problem),
      solved: (object) => this.#sink?.solved(object),
    });
    this.#link = new TyphaLink({
      dial: () => options.dial(),
      hello: {
        hostname: "catwalk-relay",
        info: "publishes to the mesh",
        version: SOFTWARE,
        syncerType: "felix",
        supportsDecoderRestart: options.compress,
        compressionAlgorithms: options.compress ? ["snappy"] : [],
        // Policies are not read: either form will do.
        supportsModernPolicyKeys: true,
        clientConnId: 0n,
      },
      compress: options.compress,
      onMessage: (message) => this.#onTyphaMessage(message),
      onPieceEnd: () => this.#flush(),
      onLost: (reason) => {
        this.#isInSync = false;
        this.#error = reason;
      },
    });
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    this.#timer = setInterval(() => this.#link.checkSilence(performance.now()), SILENCE_CHECK_MS);
    this.#link.start();
    this.#options.services?.start(sink);
  }

  followServices(): void {
    this.#options.services?.followServices?.();
  }

  servicesHealth(): ReturnType<Source["health"]> {
    return this.#options.services?.servicesHealth?.() ?? { collections: [] };
  }

  stop(): Promise<void> {
    this.#sink = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#link.stop();
    return this.#options.services?.stop() ?? Promise.resolve();
  }

  health(): ReturnType<Source["health"]> {
    const name = `typha ${this.#options.address}`;
    const objects = this.#paths.size;
    if (!this.#isInSync && this.#error !== null)
      return { collections: [{ name, objects, state: "failing", reason: this.#error }] };
    const state = this.#isInSync ? "following" : "listing";
    return { collections: [{ name, objects, state, reason: "" }] };
  }

  policies(): Promise<ClusterPolicies> {
    return this.#options.policies();
  }

  #onTyphaMessage(message: FromLink): void {
    switch (message.type) {
      case "MsgServerHello":
        this.#error = null;
        for (const path of this.#paths.keys()) this.#paths.set(path, false);
        return;
      case "raw":
        // Only the absent value deletes, whatever the update type says: so every client of Typha
        // takes it.
        for (const { key, value } of scanned(message))
          if (value === null) this.#remove(key, "observed");
          else this.#put(key, value);
        return;
      case "MsgSyncStatus":
        if (message.status === SYNC_STATUS.inSync) this.#onInSync();
    }
  }

  #onInSync(): void {
    this.#isInSync = true;
    for (const [path, isTold] of this.#paths) if (!isTold) this.#remove(path, "inferred");
    this.#flush();
    if (this.#isListed) return;
    this.#isListed = true;
    this.#sink?.listed();
  }

  #put(path: string, value: Uint8Array): void {
    const key = publishedKey(path);
    if (key === null) return;
    this.#paths.set(path, true);
    const text = Buffer.from(value).toString("utf8");
    const conversion = converted((report) => convertValue(key, text, report));
    const words = { noun: "key", where: "" };
    this.#changes.push(...this.#store.upsertConverted(path, conversion, words));
  }

  #remove(path: string, cause: DeleteCause): void {
    if (!this.#paths.delete(path)) return;
    this.#changes.push(...this.#store.remove(path, cause));
  }

  #flush(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#sink?.apply(changes);
  }
}
