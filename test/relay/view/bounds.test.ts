/** What a reader takes of one remote at most, however much its origin has. */
import { join } from "node:path";

import { expect, test } from "vitest";

import { newLogger } from "../../../relay/lib/log.ts";
import { excessWith } from "../../../relay/view/bounds.ts";
import type { RemoteBounds } from "../../../relay/view/bounds.ts";
import { Remotes } from "../../../relay/view/remotes.ts";
import { RemoteView } from "../../../relay/view/remote-view.ts";
import { OwnAddresses } from "../../../relay/view/served.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import { NO_CHAIN, nextChain } from "../../../shared/log/cursor.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { WatchMessage } from "../../../shared/protocol/messages.ts";
import { perChannel } from "../../../shared/record/channel.ts";
import { encodeRecord, hashKey } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { pod, put } from "../../support/records.ts";
import { folder } from "../../support/scoped-remotes.ts";
import { accessFacts } from "../../support/stored-view.ts";
import { Rng } from "../../sim/random.ts";
import { watchedPorts, wholeLog } from "../../support/watched-link.ts";
import type { WatchedLink } from "../../support/watched-link.ts";

const HEADER = { rcc: "db", meshId: "mesh-1", originUid: "b".repeat(32), originName: "db" };
const MUCH: RemoteBounds = { records: 1_000_000, bytes: 2 ** 40 };
const pods = (...numbers: readonly number[]): CalicoRecord[] =>
  numbers.map((n) => pod(`p${n}`, `10.20.0.${n}`));
const gone = (record: CalicoRecord): LogChange => ({
  op: "delete",
  keyHash: hashKey(keyOf(record)),
  cause: "observed",
});

/** An origin's identity channel, frame by frame. */
class Log {
  #chain: Uint8Array = NO_CHAIN;
  #revision = 0;

  begin(): WatchMessage {
    const at = { epoch: "e", head: 0, blobs: 0, after: 0, chain: NO_CHAIN };
    return { type: "repair-plan", origin: 0, channel: "identity", ...at };
  }

  frame(...changes: readonly LogChange[]): WatchMessage {
    const [previous, payload] = [this.#chain, encodePayload(changes)];
    const revision = ++this.#revision;
    this.#chain = nextChain(previous, revision, payload);
    const common = { origin: 0, channel: "identity" } as const;
    return { type: "frame", ...common, revision, previous, payload, settled: null };
  }
}

function viewWith(bounds: RemoteBounds, path = join(folder(), "db.view")) {
  const view = new RemoteView(new ViewFile(path), HEADER, undefined, bounds);
  return { view, count: () => [...view.records()].length };
}

test("[VIE25] a frame with which there would be too many records is not applied at all; what is there stays", () => {
  const log = new Log();
  const { view, count } = viewWith({ ...MUCH, records: 3 });
  view.onMessage(log.begin());
  view.onMessage(log.frame(...pods(1, 2).map(put)));
  const cursor = view.cursors();
  expect(view.onMessage(log.frame(...pods(3, 4).map(put)))).toEqual({
    changes: [],
    answer: null,
    isRefused: true,
  });
  expect(view.excess).toContain("--remote-max-records is 3");
  expect(count()).toBe(2);
  expect(view.cursors()).toEqual(cursor);
});

test("[VIE25] records that are replaced, and those that go in the same frame, make room", () => {
  const log = new Log();
  const { view, count } = viewWith({ ...MUCH, records: 3 });
  view.onMessage(log.begin());
  const [one, two] = pods(1, 2);
  view.onMessage(log.frame(...pods(1, 2, 3).map(put)));
  const again = pods(1, 2, 3).map((record) => put({ ...record, labels: { a: "b" } } as never));
  expect(view.onMessage(log.frame(...again)).changes).toHaveLength(3);
  const swapped = view.onMessage(log.frame(gone(one!), gone(two!), ...pods(4, 5).map(put)));
  expect(swapped.isRefused).toBe(undefined);
  expect(count()).toBe(3);
  expect(view.excess).toBe(null);
});

test("[VIE25] bytes are those of what is held, in any history, after a restart and a rewriting too", () => {
  const rng = new Rng(7);
  const path = join(folder(), "db.view");
  const log = new Log();
  // Rewritten every few frames.
  const view = new RemoteView(new ViewFile(path), HEADER, 1_000, MUCH);
  view.onMessage(log.begin());
  const held = new Map<string, number>();
  for (let n = 0; n < 300; n++) {
    const name = `p${rng.below(20)}`;
    const record = pod(name, "10.20.0.1", { v: "x".repeat(1 + rng.below(60)) });
    const isPut = rng.chance(0.7);
    view.onMessage(log.frame(isPut ? put(record) : gone(record)));
    if (isPut) held.set(name, encodeRecord(record).length);
    else held.delete(name);
  }
  view.close();
  const sum = [...held.values()].reduce((all, bytes) => all + bytes, 0);
  const more = log.frame(put(pod("new", "10.20.0.9")));
  const bytes = sum + put(pod("new", "10.20.0.9")).bytes.length;
  for (const room of [-1, 0]) {
    const bounds = { ...MUCH, bytes: bytes + room };
    const again = viewWith(bounds, path).view;
    expect(again.onMessage(more).isRefused).toBe(room < 0 ? true : undefined);
    again.close();
  }
});

test("[VIE25] a file that cannot be rewritten grows to a bound of its own", () => {
  const weight = { weightWith: () => ({ records: 1, bytes: 100 }) };
  const opened = {
    type: "blob",
    channel: "identity",
    bits: 0,
    prefix: 0,
    revision: 1,
    changes: [put(pod("a", "10.20.0.1"))],
  } as const;
  const bounds = { records: 10, bytes: 1_000 };
  const channels = perChannel(() => weight);
  expect(excessWith(opened, channels, 60 * 2 ** 20, bounds)).toBe(null);
  expect(excessWith(opened, channels, 65 * 2 ** 20, bounds)).toContain("its file would have");
});

function remotesWith(bounds: RemoteBounds) {
  const links: WatchedLink[] = [];
  const timers = new Set<{ readonly ms: number; readonly run: () => void }>();
  const remotes = new Remotes(
    {
      stateDir: folder(),
      watchUrl: (uid) => `ws://hub/${uid}`,
      headers: () => Promise.resolve({}),
      log: newLogger("test", "silent"),
      onState: () => undefined,
      bounds,
      ports: {
        ...watchedPorts(links),
        after: (ms, run) => {
          const timer = { ms, run };
          timers.add(timer);
          return () => timers.delete(timer);
        },
      },
    },
    new OwnAddresses({ pods: [], nodes: [] }, []),
  );
  const web = { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } };
  remotes.followFacts(accessFacts(1, [{}, web]), true);
  const askAgain = (): void => {
    const [timer] = [...timers].filter(({ ms }) => ms === 60_000);
    if (timer === undefined) throw new Error("nobody asks again");
    timers.delete(timer);
    timer.run();
  };
  const report = (rcc: string) => remotes.reports().find((one) => one.rcc === rcc);
  const served = (rcc: string) => [...remotes.served()].filter((one) => one.rcc === rcc).length;
  return { remotes, links, askAgain, report, served };
}

test("[VIE25] a remote that outgrows the bound is said to, and served as it is; the others go on; when it fits again, it goes on too", () => {
  const { remotes, links, askAgain, report, served } = remotesWith({ ...MUCH, records: 3 });
  const [db, web] = links as [WatchedLink, WatchedLink];
  db.deliver(...wholeLog("e", pods(1, 2)));
  expect(report("db")).toMatchObject({ connectionStatus: 2, endpoints: 2 });
  const tooMuch = wholeLog("f", pods(1, 2, 3, 4));
  db.deliver(...tooMuch);
  expect(db.isStopped).toBe(true);
  expect(report("db")).toMatchObject({ connectionStatus: 3, endpoints: 2 });
  expect(report("db")?.overLimit).toContain("--remote-max-records is 3");
  expect(served("db")).toBe(2);
  web.deliver(...wholeLog("e", pods(7, 8, 9)));
  expect(report("web")).toMatchObject({ connectionStatus: 2, endpoints: 3 });
  askAgain();
  (links[2] as WatchedLink).deliver(...tooMuch);
  expect(served("db")).toBe(2);
  askAgain();
  expect(report("db")?.overLimit).not.toBe(undefined);
  (links[3] as WatchedLink).deliver(...wholeLog("g", pods(1, 4), true));
  expect(report("db")).toMatchObject({ connectionStatus: 2, endpoints: 2 });
  expect(report("db")?.overLimit).toBe(undefined);
  expect(served("db")).toBe(2);
  remotes.stop();
});

test("[VIE25] facts that come meanwhile do not open a second connection later", () => {
  const { remotes, links, askAgain } = remotesWith({ ...MUCH, records: 1 });
  links[0]?.deliver(...wholeLog("e", pods(1, 2)));
  const web = { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } };
  remotes.followFacts(accessFacts(2, [{}, web]), true);
  expect(links).toHaveLength(3);
  expect(askAgain).toThrow("nobody asks again");
  remotes.stop();
});
