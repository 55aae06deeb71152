/** The shell around the reflector's reducer: does its effects, and turns what comes back into events. Decides nothing. */
import { errorText } from "../../../shared/lib/error-text.ts";
import type { Random } from "../../../shared/lib/clock.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { LIST_LIMIT, stepReflector } from "./reflector.ts";
import { IDLE } from "./reflector-state.ts";
import type { ReflectorEffect, ReflectorEvent, ReflectorState } from "./reflector-state.ts";
import type { Transport } from "../../kube/transport.ts";
import { isBefore, LOOK_MS } from "./silent-watch.ts";
import { parseListPage, parseWatchEvent, positionOf, readStatus } from "../../kube/watch-event.ts";
import type { WatchEvent } from "../../kube/watch-event.ts";

/** What the reflector's owner does with what it sees. */
export interface ReflectorOwner {
  /** The collection's path, like `/api/v1/pods`. @throws to be asked again after a pause. */
  path(): Promise<string>;
  /** The path answered 404: it may be another one next time. */
  pathIsGone(): void;
  hasObjects(): boolean;
  beginList(): void;
  put(objects: readonly JsonObject[]): void;
  observed(events: readonly Extract<WatchEvent, { type: "put" | "delete" }>[]): void;
  sweep(): void;
  listed(): void;
  /** How many live objects there are, and whether this is one of them. */
  count(): number;
  has(object: JsonObject): boolean;
}

export interface ReflectorRun {
  state(): ReflectorState;
  stop(): void;
}

export function runReflector(
  owner: ReflectorOwner,
  transport: Transport,
  random: Random,
  silentMs?: number,
): ReflectorRun {
  let state: ReflectorState = IDLE;
  let timer: NodeJS.Timeout | undefined;
  let signTimer: NodeJS.Timeout | undefined;
  let closeWatch: (() => void) | null = null;
  const stopping = new AbortController();

  const dispatch = (event: ReflectorEvent): void => {
    if (stopping.signal.aborted) return;
    const step = stepReflector(state, event, {
      nowMs: performance.now(),
      random,
      ...(silentMs !== undefined && { silentMs }),
    });
    ({ state } = step);
    for (const effect of step.effects) run(effect);
  };

  const run = (effect: ReflectorEffect): void => {
    switch (effect.type) {
      case "begin-list":
        owner.beginList();
        return;
      case "list":
        void list(effect.continueToken);
        return;
      case "sweep":
        owner.sweep();
        return;
      case "listed":
        owner.listed();
        return;
      case "watch":
        void watch(effect.position, effect.timeoutSeconds);
        return;
      case "close-watch":
        closeWatch?.();
        closeWatch = null;
        return;
      case "expect-sign":
        clearTimeout(signTimer);
        signTimer = setTimeout(() => dispatch({ type: "silence" }), effect.ms);
        return;
      case "look":
        void look();
        return;
      case "wait":
        timer = setTimeout(() => dispatch({ type: "timer" }), effect.ms);
        return;
    }
  };

  const listFailed = (status: number, message: string): void => {
    if (status === 404) owner.pathIsGone();
    dispatch({ type: "list-failed", status, message, hasObjects: owner.hasObjects() });
  };

  const list = async (continueToken: string): Promise<void> => {
    try {
      const query = new URLSearchParams({ limit: String(LIST_LIMIT) });
      if (continueToken !== "") query.set("continue", continueToken);
      const path = await owner.path();
      const { status, body } = await transport.get(`${path}?${query.toString()}`, stopping.signal);
      if (stopping.signal.aborted) return;
      if (status !== 200) {
        listFailed(status, describeFailure(status, body));
        return;
      }
      const page = parseListPage(body);
      if (!page.ok) {
        listFailed(0, page.message);
        return;
      }
      owner.put(page.items);
      dispatch({ type: "page", position: page.position, continueToken: page.continueToken });
    } catch (error) {
      listFailed(0, errorText(error));
    }
  };

  const look = async (): Promise<void> => {
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(LOOK_MS)]);
      const { status, body } = await transport.get(`${await owner.path()}?limit=1`, signal);
      const page = status === 200 ? parseListPage(body) : null;
      if (page === null) throw new Error(describeFailure(status, body));
      if (!page.ok) throw new Error(page.message);
      // A server that takes no limit gives all of them.
      const positions = page.items.map(positionOf);
      const count = page.remaining === null ? null : page.items.length + page.remaining;
      dispatch({
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
      const why = errorText(error);
      dispatch({ type: "look-failed", message: `the watch is silent, and a look failed: ${why}` });
    }
  };

  const watch = async (position: string, timeoutSeconds: number): Promise<void> => {
    const query = new URLSearchParams({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: position,
      timeoutSeconds: String(timeoutSeconds),
    });
    let path: string;
    try {
      path = await owner.path();
    } catch (error) {
      dispatch({
        type: "watch-ended",
        status: 0,
        message: errorText(error),
      });
      return;
    }
    if (stopping.signal.aborted) return;
    const close = transport.watch(`${path}?${query.toString()}`, {
      lines: (lines) => onLines(lines, () => closeWatch === close),
      ended: (status, message) => {
        closeWatch = null;
        dispatch({ type: "watch-ended", status, message });
      },
    });
    closeWatch = close;
  };

  /** Objects of one read go on together; a line that ends the watch ends the reading of what stands behind it. */
  const onLines = (lines: readonly string[], isCurrent: () => boolean): void => {
    const observed: Extract<WatchEvent, { type: "put" | "delete" }>[] = [];
    let last: ReflectorEvent | null = null;
    let end: ReflectorEvent | null = null;
    for (const line of lines) {
      const event = parseWatchEvent(line);
      if (event.type === "error") {
        end = { type: "watch-ended", status: event.status, message: event.message };
        break;
      }
      if (event.type === "unparsable") {
        end = event;
        break;
      }
      if (event.type !== "bookmark") observed.push(event);
      last = { type: "progress", position: event.position };
    }
    if (!isCurrent()) return;
    if (observed.length > 0) owner.observed(observed);
    if (last !== null) dispatch(last);
    if (end === null) return;
    closeWatch?.();
    closeWatch = null;
    dispatch(end);
  };

  dispatch({ type: "start" });
  return {
    state: () => state,
    stop: () => {
      stopping.abort();
      clearTimeout(timer);
      clearTimeout(signTimer);
      closeWatch?.();
    },
  };
}

/** The server's own words where it gives any. */
export function describeFailure(status: number, body: string): string {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === "object" && json !== null)
      return readStatus(json as JsonObject, status).message;
  } catch {
    // Not a Status object: its beginning will do.
  }
  return `${status} ${body.slice(0, 200)}`.trim();
}
