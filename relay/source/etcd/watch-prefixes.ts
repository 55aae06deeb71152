/**
 * All collections over one stream, a watch each, until it ends. Silence is no sign of life:
 * progress is asked for, and who does not answer is left. [DIR11]
 */
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import type { EtcdConnection } from "./etcd-client.ts";
import type { FollowedPrefix } from "./followed-prefix.ts";
import { progressRequest, readWatchAnswer, watchRequest } from "./messages.ts";
import type { WatchAnswer } from "./messages.ts";
import { tellsProgressTruly } from "./progress-version.ts";

export interface WatchOptions {
  readonly connection: EtcdConnection;
  /** Each with a position. */
  readonly watched: readonly FollowedPrefix[];
  emit(changes: readonly EncodedChange[]): void;
  readonly progressMs: number;
  /** It ends by itself after so long; `null`: never. */
  readonly endsMs: number | null;
  /** All watches are there. */
  onFollowing(): void;
  readonly signal: AbortSignal;
}

/** @returns Why it ended; `null`: something is to be listed, which is no failure. */
export async function watchPrefixes(options: WatchOptions): Promise<string | null> {
  const { connection, watched, signal } = options;
  const isTrusted = tellsProgressTruly(await connection.version());
  return new Promise((resolve) => {
    const run = new WatchRun(options, isTrusted, (reason) => {
      clearInterval(asking);
      clearTimeout(ending);
      stream.close();
      resolve(reason);
    });
    const stream = connection.watch({
      onMessage: (bytes) => run.onMessage(bytes),
      onEnd: (error) => run.end(error.message),
    });
    watched.forEach((one, watchId) => {
      const startRevision = (one.position ?? 0) + 1;
      stream.send(watchRequest(one.collection.prefix, { watchId: watchId + 1, startRevision }));
    });
    const asking = setInterval(() => {
      if (!run.isAlive) run.end(`the watch was silent for ${options.progressMs / 1000} s`);
      else if (run.ask()) stream.send(progressRequest());
    }, options.progressMs);
    const ending =
      options.endsMs === null ? undefined : setTimeout(() => run.end(null), options.endsMs);
    signal.addEventListener("abort", () => run.end(null), { once: true });
    if (signal.aborted) run.end(null);
  });
}

class WatchRun {
  readonly #options: WatchOptions;
  readonly #isTrusted: boolean;
  readonly #onEnd: (reason: string | null) => void;
  #created = 0;
  #isAsked = false;
  #isOver = false;

  constructor(options: WatchOptions, isTrusted: boolean, onEnd: (reason: string | null) => void) {
    this.#options = options;
    this.#isTrusted = isTrusted;
    this.#onEnd = onEnd;
  }

  /** Something came since progress was asked for. */
  get isAlive(): boolean {
    return !this.#isAsked;
  }

  /** @returns Whether to ask. */
  ask(): boolean {
    this.#isAsked = true;
    return !this.#isOver;
  }

  end(reason: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd(reason);
  }

  onMessage(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#isAsked = false;
    try {
      this.#onAnswer(readWatchAnswer(bytes));
    } catch (error) {
      this.end(`its answer cannot be read: ${String(error)}`);
    }
  }

  #onAnswer(answer: WatchAnswer): void {
    const { watched } = this.#options;
    if (answer.watchId === null) return this.#onProgress(answer.revision, watched);
    const followed = watched[answer.watchId - 1];
    if (followed === undefined) return;
    if (answer.isCanceled) return this.#onCanceled(answer, followed);
    if (answer.isCreated && ++this.#created === watched.length) this.#options.onFollowing();
    if (answer.events.length > 0) this.#onEvents(answer, followed);
    else if (!answer.isCreated) this.#onProgress(answer.revision, [followed]);
  }

  /** A revision may come in parts: only after the last one all of it is known. */
  #onEvents({ events, isFragment }: WatchAnswer, followed: FollowedPrefix): void {
    this.#options.emit(followed.apply(events));
    if (isFragment) return;
    const newest = Math.max(...events.map(({ kv }) => kv.modRevision));
    followed.position = Math.max(followed.position ?? 0, newest);
  }

  #onProgress(revision: number, followed: readonly FollowedPrefix[]): void {
    if (!this.#isTrusted) return;
    for (const one of followed)
      if (one.position !== null) one.position = Math.max(one.position, revision);
  }

  #onCanceled({ compactRevision, cancelReason }: WatchAnswer, followed: FollowedPrefix): void {
    followed.position = null;
    if (compactRevision > 0) return this.end(null);
    followed.fail(cancelReason);
    this.end(`the watch of ${followed.collection.prefix} was cancelled: ${cancelReason}`);
  }
}
