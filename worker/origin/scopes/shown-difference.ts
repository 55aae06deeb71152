/**
 * What becomes of an origin's records for a reader that is shown something else: read from the logs
 * in short steps, so that other events come between. Nothing is kept and nothing written.
 * [API50] [API51]
 */
import { parseIp } from "../../../shared/ip/address.ts";
import { RangeSet } from "../../../shared/ip/range-set.ts";
import { toId } from "../../../shared/lib/bytes.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type {
  CalicoRecord,
  HostEndpoint,
  WorkloadEndpoint,
} from "../../../shared/record/record.ts";
import { DEFAULT_CHANNELS } from "../../../shared/visibility/facts.ts";
import { channelsOf, projectorOf } from "../../../shared/visibility/scope.ts";
import type { Projector } from "../../../shared/visibility/scope.ts";
import { MOST_SHARED } from "../../ports.ts";
import type { EffectCounts, Shown, ShownDifference } from "../../ports.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Logs } from "../log/channel-logs.ts";
import { isCurrent, LogWalk } from "../log/log-walk.ts";

/** @param shared CIDRs in which addresses that appear are told. */
export function* compareShown(
  logs: Logs,
  before: Shown,
  after: Shown,
  shared: readonly string[],
): Generator<void, ShownDifference> {
  const [was, is] = [shownBy(before), shownBy(after)];
  const counts = { appear: new Counter(), disappear: new Counter(), change: new Counter() };
  const ranges = shared.length === 0 ? null : new RangeSet(shared);
  const addresses = new Set<string>();
  const concerns = (record: CalicoRecord): boolean => was(record) !== null || is(record) !== null;
  for (const channel of channelsShown(before, after)) {
    for (const records of currentRecords(logs[channel], concerns)) {
      for (const record of records) {
        const [left, right] = [was(record), is(record)];
        const outcome = compare(left, right);
        if (outcome === "same") continue;
        counts[outcome].add(right ?? record);
        if (outcome === "appear" && ranges !== null)
          for (const ip of addressesIn(record, ranges))
            if (addresses.size < MOST_SHARED) addresses.add(ip);
      }
      yield;
    }
  }
  return {
    appear: counts.appear.counts,
    disappear: counts.disappear.counts,
    change: counts.change.counts,
    sharedAddresses: [...addresses],
  };
}

/** Which of the addresses endpoints have of what is shown. */
export function* whichHeld(
  logs: Logs,
  addresses: readonly string[],
  shown: Shown,
): Generator<void, readonly string[]> {
  const wanted = new Set(addresses);
  const found = new Set<string>();
  const show = shownBy(shown);
  for (const records of currentRecords(logs.identity, isEndpoint)) {
    for (const record of records) {
      if (!isEndpoint(record)) continue;
      const held = record.ips.filter((ip) => wanted.has(ip));
      if (held.length > 0 && show(record) !== null) for (const ip of held) found.add(ip);
    }
    yield;
  }
  return [...found].toSorted();
}

/**
 * The records that a log holds, each once: what a frame has may come again in a blob that was
 * folded meanwhile.
 *
 * @param concerns Others are left out, before their hashes are made.
 */
function* currentRecords(
  log: ChannelLog,
  concerns: (record: CalicoRecord) => boolean,
): Generator<readonly CalicoRecord[]> {
  const walk = new LogWalk(log, BUDGETS.effectStepRecords);
  const fromFrames = new Set<string>();
  for (let read = walk.next(); read !== null; read = walk.next()) {
    const isFrame = walk.isInFrames;
    yield read.flatMap((change) => {
      if (change.record === null || !concerns(change.record)) return [];
      if (!isCurrent(log, change)) return [];
      if (isFrame || fromFrames.size > 0) {
        const id = toId(change.keyHash);
        if (fromFrames.has(id)) return [];
        if (isFrame) fromFrames.add(id);
      }
      return [change.record];
    });
  }
}

function shownBy(shown: Shown): Projector {
  if (shown === "nothing") return () => null;
  return shown === "all" ? (record) => record : projectorOf(shown);
}

function channelsShown(...all: readonly Shown[]): readonly Channel[] {
  const areServices = all.some(
    (shown) => typeof shown === "object" && channelsOf(shown).includes("services"),
  );
  return areServices ? [...DEFAULT_CHANNELS, "services"] : DEFAULT_CHANNELS;
}

function compare(
  before: CalicoRecord | null,
  after: CalicoRecord | null,
): "same" | "appear" | "disappear" | "change" {
  if (before === after) return "same";
  if (before === null) return "appear";
  if (after === null) return "disappear";
  return JSON.stringify(labelsOf(before)) === JSON.stringify(labelsOf(after)) ? "same" : "change";
}

/** All that a scope changes of a record it shows. */
function labelsOf(record: CalicoRecord): unknown {
  return "labels" in record
    ? Object.entries(record.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
    : null;
}

function isEndpoint(record: CalicoRecord): record is WorkloadEndpoint | HostEndpoint {
  return record.kind === "WorkloadEndpoint" || record.kind === "HostEndpoint";
}

function addressesIn(record: CalicoRecord, ranges: RangeSet): readonly string[] {
  if (!isEndpoint(record)) return [];
  return record.ips.filter((ip) => {
    const address = parseIp(ip);
    return address !== null && ranges.has(address);
  });
}

class Counter {
  #endpoints = 0;
  #records = 0;
  readonly #namespaces = new Set<string>();

  add(record: CalicoRecord): void {
    this.#records++;
    if (record.kind !== "WorkloadEndpoint" && record.kind !== "HostEndpoint") return;
    this.#endpoints++;
    if (record.kind === "WorkloadEndpoint") this.#namespaces.add(record.namespace);
  }

  get counts(): EffectCounts {
    return {
      endpoints: this.#endpoints,
      namespaces: this.#namespaces.size,
      records: this.#records,
    };
  }
}
