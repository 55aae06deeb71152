/**
 * A cluster whose datastore is etcd: every collection listed in pages at one revision, then watched
 * from there over one stream, from where it stood after each break. What was compacted meanwhile is
 * listed again, and what the list lacks is *inferred* to be gone. [DIR10] [DIR11]
 */
import { errorText } from "../../../shared/lib/error-text.ts";
import type { Random } from "../../../shared/lib/clock.ts";
import { backoffMs } from "../../../shared/lib/backoff.ts";
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { Listing } from "../listing.ts";
import { RecordStore } from "../record-store.ts";
import type { ClusterPolicies, RemoteReading, Source, SourceSink } from "../source.ts";
import type { EtcdAccess } from "./etcd-access.ts";
import { EtcdClient } from "./etcd-client.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import { ETCD_COLLECTIONS } from "./etcd-keys.ts";
import { FollowedPrefix } from "./followed-prefix.ts";
import { CODES, GrpcError } from "./grpc-channel.ts";
import { listEtcdPolicies } from "./list-policies.ts";
import { watchPrefixes } from "./watch-prefixes.ts";

export interface EtcdOptions {
  readonly access: () => Promise<EtcdAccess>;
  /** It is a direct remote. */
  readonly remote?: RemoteReading;
  readonly random?: Random;
  /** A collection that was refused is asked for again after so long. */
  readonly refusedMs?: number;
  /** Between requests for progress, which are the sign of life of a watch. */
  readonly progressMs?: number;
  /** With so many keys a collection is converted on a thread of its own. */
  readonly threadFromKeys?: number;
}

const REFUSED_MS = 10_000;
const PROGRESS_MS = 10_000;
const BACKOFF = { baseMs: 200, capMs: 10_000 } as const;

export class EtcdSource implements Source {
  readonly #options: EtcdOptions;
  readonly #client: EtcdClient;
  readonly #stopping = new AbortController();
  #followed: readonly FollowedPrefix[] = [];
  #failures = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: EtcdOptions) {
    this.#options = options;
    this.#client = new EtcdClient(options.access);
  }

  start(sink: SourceSink): void {
    const store = new RecordStore(sink);
    const { remote, threadFromKeys } = this.#options;
    const followed = ETCD_COLLECTIONS.filter(({ kind }) => remote?.without.has(kind) !== true);
    this.#followed = followed.map(
      (collection) => new FollowedPrefix(collection, store, threadFromKeys),
    );
    const listing = new Listing(followed, remote !== undefined, () => {
      if (!this.#stopping.signal.aborted) sink.listed();
    });
    this.#running = this.#run(sink, listing);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  health(): ReturnType<Source["health"]> {
    return { collections: this.#followed.map((followed) => followed.reading()) };
  }

  async policies(): Promise<ClusterPolicies> {
    const connection = await this.#client.connect();
    try {
      return await listEtcdPolicies(connection);
    } finally {
      connection.close();
    }
  }

  async #run(sink: SourceSink, listing: Listing): Promise<void> {
    const { signal } = this.#stopping;
    const emit = (changes: readonly EncodedChange[]): void => {
      if (changes.length > 0 && !signal.aborted) sink.apply(changes);
    };
    while (!signal.aborted) {
      let connection: EtcdConnection | null = null;
      try {
        connection = await this.#client.connect();
        await this.#follow(connection, emit, listing);
      } catch (error) {
        if (!signal.aborted) this.#fail(errorText(error));
      } finally {
        connection?.close();
      }
      if (this.#failures > 0) await this.#pause();
    }
  }

  async #follow(
    connection: EtcdConnection,
    emit: (changes: readonly EncodedChange[]) => void,
    listing: Listing,
  ): Promise<void> {
    const { signal } = this.#stopping;
    await this.#list(connection, emit, listing);
    if (signal.aborted) return;
    const watched = this.#followed.filter(({ position }) => position !== null);
    const { progressMs = PROGRESS_MS, refusedMs = REFUSED_MS } = this.#options;
    const ended = await watchPrefixes({
      connection,
      watched,
      emit,
      progressMs,
      endsMs: watched.length < this.#followed.length ? refusedMs : null,
      onFollowing: () => {
        this.#failures = 0;
        for (const one of watched) one.follow();
      },
      signal,
    });
    if (ended !== null && !signal.aborted) this.#fail(ended);
  }

  /** All that has no position, at one revision. */
  async #list(
    connection: EtcdConnection,
    emit: (changes: readonly EncodedChange[]) => void,
    listing: Listing,
  ): Promise<void> {
    const { signal } = this.#stopping;
    let revision = 0;
    for (const followed of this.#followed) {
      if (followed.position !== null) continue;
      const { kind, prefix } = followed.collection;
      try {
        revision = await followed.list(connection, revision, emit, signal);
        if (!signal.aborted) listing.listed(kind);
      } catch (error) {
        // One that is refused costs itself; with the others it is tried again.
        if (!(error instanceof GrpcError) || error.code !== CODES.permissionDenied) throw error;
        followed.forbid(`403 ${error.message}: the user may not read ${prefix}`);
        listing.forbidden(kind);
      }
    }
  }

  #fail(reason: string): void {
    this.#failures++;
    for (const followed of this.#followed) followed.fail(reason);
  }

  async #pause(): Promise<void> {
    const { random = Math.random } = this.#options;
    const ms = backoffMs(this.#failures, BACKOFF, random);
    const { signal } = this.#stopping;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
