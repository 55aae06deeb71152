/**
 * What is to be in the slices of a cluster, read from a history: endpoints of Services that match,
 * or are exported, here and in every cluster that shows them. No code of the product is asked.
 */
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { overlap } from "../addresses.ts";
import type { Happening } from "../history.ts";
import { scopeOf } from "../scopes.ts";
import {
  BY_SELECTOR,
  nothingTold,
  servicesBySelector,
  wantedByExport,
  wantedBySelector,
} from "../services/model.ts";
import type { Told } from "../services/model.ts";
import type { Truth } from "./truth.ts";

/** By the cluster's name in slices and the address: whether it is ready. */
export type WantedInSlices = ReadonlyMap<string, boolean>;

/** @param service `namespace/name` of a Service of the cluster. */
export function wantedInSlices(truth: Truth, uid: string, service: string): WantedInSlices {
  if (isNotAsking(truth, uid, service)) return new Map();
  const clusters = seenBy(truth, uid);
  return service === BY_SELECTOR ? wantedBySelector(clusters) : wantedByExport(clusters);
}

/**
 * `cluster address Service` of what is wanted: an address that goes from one Service of its cluster
 * to another is told by two records, in any order.
 */
export function wantedOfServices(truth: Truth, uid: string, service: string): ReadonlySet<string> {
  if (isNotAsking(truth, uid, service)) return new Set();
  const clusters = seenBy(truth, uid);
  if (service !== BY_SELECTOR) return new Set([...wantedByExport(clusters).keys()].map(ofExport));
  const all = [...servicesBySelector(clusters)];
  return new Set(all.flatMap(([id, services]) => [...services].map((name) => `${id} ${name}`)));
}

function ofExport(id: string): string {
  return `${id} pg`;
}

function isNotAsking(truth: Truth, uid: string, service: string): boolean {
  return service === BY_SELECTOR && truth.asking.get(truth.placeOf.get(uid) ?? "") !== true;
}

/** What the clusters tell that a cluster sees, and itself, by their names in slices. */
function seenBy(truth: Truth, uid: string): ReadonlyMap<string, Told> {
  const place = truth.placeOf.get(uid) ?? "";
  const clusters = new Map<string, Told>([[place, toldBy(truth, uid, (record) => record, true)]]);
  const own = [...truth.ownAddresses(uid)];
  for (const [pair, rcc] of truth.edges) {
    const [reader = "", origin = ""] = pair.split(" ");
    const scope = truth.scopes.get(pair);
    if (reader !== uid || scope === undefined) continue;
    const isOwn = (record: CalicoRecord): boolean =>
      record.kind === "ServiceEndpoint" && own.some((mine) => overlap(record.ip, mine));
    const shown = (record: CalicoRecord): CalicoRecord | null =>
      isOwn(record) ? null : scopeOf(scope).shown(record);
    clusters.set(rcc, toldBy(truth, origin, shown, false));
  }
  return clusters;
}

/** @param isLocal What is not the cluster's own it has all the same. */
function toldBy(
  truth: Truth,
  uid: string,
  shown: (record: CalicoRecord) => CalicoRecord | null,
  isLocal: boolean,
): Told {
  const told = nothingTold();
  const states = [...truth.has(uid), ...(isLocal ? truth.has(uid, false) : [])];
  for (const [key, { record }] of states) {
    const part = record === undefined ? null : shown(record);
    if (part?.kind === "Service") told.services.set(part.name, part);
    if (part?.kind === "ServiceExport") told.exports.set(part.name, part);
    if (part?.kind === "ServiceEndpoint") told.endpoints.set(key, part);
  }
  return told;
}

type Quiet = Extract<Happening, { what: "quiet" }>;
type Judge = (
  place: string,
  service: string,
  now: ReadonlyMap<string, { readonly isReady: boolean; readonly times: number }>,
  wanted: WantedInSlices,
) => string | null;

/** Of members with a relay: of others nobody writes the slices. */
function inSlices(truth: Truth, { slices, relays }: Quiet, judge: Judge): string | null {
  for (const [place, services] of slices ?? [])
    for (const [service, now] of services) {
      const relay = relays.find((one) => one.place === place && !one.isSuperseded);
      if (relay === undefined) continue;
      const wrong = judge(place, service, now, wantedInSlices(truth, relay.uid, service));
      if (wrong !== null) return wrong;
    }
  return null;
}

/** What is in slices of a Service and is not to be; `null`: nothing. */
export function ghostInSlices(truth: Truth, quiet: Quiet): string | null {
  return inSlices(truth, quiet, (place, service, now, wanted) => {
    for (const [id, { times }] of now) {
      if (!wanted.has(id)) return `slices of ${service} in ${place} still have ${id}`;
      // With two ports it may be in two sets of slices.
      if (times > 2) return `slices of ${service} in ${place} have ${id} ${times} times`;
    }
    return null;
  });
}

/** What slices of a Service lack, or have otherwise; `null`: nothing. */
export function lackInSlices(truth: Truth, quiet: Quiet): string | null {
  return inSlices(truth, quiet, (place, service, now, wanted) => {
    for (const [id, isReady] of wanted) {
      const has = now.get(id);
      if (has === undefined) return `slices of ${service} in ${place} lack ${id}`;
      if (has.isReady !== isReady)
        return `slices of ${service} in ${place} have ${id} ${has.isReady ? "" : "not "}ready`;
    }
    return null;
  });
}
