/**
 * The shell around the reflector's reducer: does its effects, and turns what comes back into
 * events. Decides nothing.
 */
import { errorText } from "../../../shared/lib/error-text.ts";
import type { Random } from "../../../shared/lib/clock.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import type { Transport } from "../../kube/transport.ts";
import {
  describeFailure,
  parseListPage,
  parseWatchEvent,
  positionOf,
} from "../../kube/watch-event.ts";
import type { WatchEvent } from "../../kube/watch-event.ts";
import { IDLE } from "./reflector-state.ts";
import type { ReflectorEffect, ReflectorEvent, ReflectorState } from "./reflector-state.ts";
import { LIST_LIMIT, stepReflector } from "./reflector.ts";
import { isBefore, LOOK_MS } from "./silent-watch.ts";

/** The reflector's owner: keeps the objects that it sees. */
export interface ReflectorOwner {
  /** The collection's path, like `/api/v1/pods`. @throws to be asked again after a pause. */
  path(): Promise<string>;
  /** Narrows the collection, as `labelSelector` does. */
  readonly query?: Readonly<Record<string, string>>;
  /** The path answered 404: it may be another one next time. */
  pathIsGone(): void;
  /** The account may not list it (403). */
  isRefused?(): void;
  beginList(): void;
  put(objects: readonly JsonObject[]): void;
  observed(events: readonly ObjectEvent[]): void;
  sweep(): void;
  listed(): void;
  /** How many live objects there are, and whether this is one of them. */
  count(): number;
  has(object: JsonObject): boolean;
}

export type ObjectEvent = Extract<WatchEvent, { type: "put" | "delete" }>;

export interface ReflectorRunOptions {
  readonly owner: ReflectorOwner;
  readonly transport: Transport;
  readonly random: Random;
  /** See `ReflectorContext`. */
  readonly silentMs?: number | undefined;
}

export class ReflectorRun {
  readonly #options: ReflectorRunOptions;
  readonly #stopping = new AbortController();
  #state: ReflectorState = IDLE;
  #pauseTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  #closeWatch: (() => void) | null = null;

  /** Begins with the first list. */
  constructor(options: ReflectorRunOptions) {
    this.#options = options;
    this.#dispatch({ type: "start" });
  }

  get state(): ReflectorState {
    return this.#state;
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#pauseTimer);
    clearTimeout(this.#silenceTimer);
    this.#endWatch();
  }

  #dispatch(event: ReflectorEvent): void {
    if (this.#stopping.signal.aborted) return;
    const { random, silentMs } = this.#options;
    const { state, effects } = stepReflector(this.#state, event, {
      nowMs: performance.now(),
      random,
      ...(silentMs !== undefined && { silentMs }),
    });
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: ReflectorEffect): void {
    const { owner } = this.#options;
    switch (effect.type) {
      case "begin-list":
        return owner.beginList();
      case "list":
        void this.#list(effect.continueToken);
        return;
      case "sweep":
        return owner.sweep();
      case "listed":
        return owner.listed();
      case "watch":
        void this.#watch(effect.position, effect.timeoutSeconds);
        return;
      case "close-watch":
        return this.#endWatch();
      case "expect-sign":
        clearTimeout(this.#silenceTimer);
        this.#silenceTimer = setTimeout(() => this.#dispatch({ type: "silence" }), effect.ms);
        return;
      case "look":
        void this.#look();
        return;
      case "wait":
        this.#pauseTimer = setTimeout(() => this.#dispatch({ type: "timer" }), effect.ms);
        return;
    }
  }

  async #list(continueToken: string): Promise<void> {
    const { owner, transport } = this.#options;
    try {
      const query = new URLSearchParams({ ...owner.query, limit: String(LIST_LIMIT) });
      if (continueToken !== "") query.set("continue", continueToken);
      const { signal } = this.#stopping;
      const { status, body } = await transport.get(
        `${await owner.path()}?${query.toString()}`,
        signal,
      );
      if (signal.aborted) return;
      if (status !== 200) return this.#listFailed(status, describeFailure(status, body));
      const page = parseListPage(body);
      if (!page.ok) return this.#listFailed(0, page.message);
      owner.put(page.items);
      const { position, continueToken: next } = page;
      this.#dispatch({ type: "page", position, continueToken: next });
    } catch (error) {
      this.#listFailed(0, errorText(error));
    }
  }

  #listFailed(status: number, message: string): void {
    const { owner } = this.#options;
    if (status === 404) owner.pathIsGone();
    if (status === 403) owner.isRefused?.();
    this.#dispatch({ type: "list-failed", status, message, hasObjects: owner.count() > 0 });
  }

  async #look(): Promise<void> {
    const { owner, transport } = this.#options;
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(LOOK_MS)]);
      const query = new URLSearchParams({ ...owner.query, limit: "1" });
      const path = `${await owner.path()}?${query.toString()}`;
      const { status, body } = await transport.get(path, signal);
      const page = status === 200 ? parseListPage(body) : null;
      if (page === null) throw new Error(describeFailure(status, body));
      if (!page.ok) throw new Error(page.message);
      // A server that takes no limit gives all of them.
      const positions = page.items.map(positionOf);
      const count = page.remaining === null ? null : page.items.length + page.remaining;
      this.#dispatch({
        type: "looked",
        look: {
          position: page.position,
          count,
          known: owner.count(),
          isStranger: page.items.some((object) => !owner.has(object)),
          objectPosition: positions.reduce((a, b) => (isBefore(a, b) ? b : a), "0"),
        },
      });
    } catch (error) {
      const message = `the watch is silent, and a look failed: ${errorText(error)}`;
      this.#dispatch({ type: "look-failed", message });
    }
  }

  async #watch(position: string, timeoutSeconds: number): Promise<void> {
    const query = new URLSearchParams({
      ...this.#options.owner.query,
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: position,
      timeoutSeconds: String(timeoutSeconds),
    });
    let path: string;
    try {
      path = await this.#options.owner.path();
    } catch (error) {
      this.#dispatch({ type: "watch-ended", status: 0, message: errorText(error) });
      return;
    }
    if (this.#stopping.signal.aborted) return;
    const close = this.#options.transport.watch(`${path}?${query.toString()}`, {
      lines: (lines) => this.#onLines(lines, () => this.#closeWatch === close),
      ended: (status, message) => {
        this.#closeWatch = null;
        this.#dispatch({ type: "watch-ended", status, message });
      },
    });
    this.#closeWatch = close;
  }

  /**
   * Objects of one read go on together; a line that ends the watch ends the reading of what stands
   * behind it.
   */
  #onLines(lines: readonly string[], isCurrent: () => boolean): void {
    const { objects, progress, end } = readLines(lines);
    if (!isCurrent()) return;
    if (objects.length > 0) this.#options.owner.observed(objects);
    if (progress !== null) this.#dispatch(progress);
    if (end === null) return;
    this.#endWatch();
    this.#dispatch(end);
  }

  #endWatch(): void {
    this.#closeWatch?.();
    this.#closeWatch = null;
  }
}

interface ReadLines {
  readonly objects: readonly ObjectEvent[];
  /** How far the watch has come. */
  readonly progress: ReflectorEvent | null;
  /** Why the watch is over. */
  readonly end: ReflectorEvent | null;
}

function readLines(lines: readonly string[]): ReadLines {
  const objects: ObjectEvent[] = [];
  let progress: ReflectorEvent | null = null;
  for (const line of lines) {
    const event = parseWatchEvent(line);
    if (event.type === "error") {
      const { status, message } = event;
      return { objects, progress, end: { type: "watch-ended", status, message } };
    }
    if (event.type === "unparsable") return { objects, progress, end: event };
    if (event.type !== "bookmark") objects.push(event);
    progress = { type: "progress", position: event.position };
  }
  return { objects, progress, end: null };
}
