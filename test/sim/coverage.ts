/**
 * What runs have met: each kind of trouble that the simulation claims to make, and each situation
 * without which a guarantee is never put to the test. A trouble that a run draws and that changes
 * nothing (a copy put back that nobody has made) is not counted. [SIM5]
 */
import type { Happening, Moment, SeenRemote, Served, StoredAccess } from "./history.ts";

/** All that is looked for, besides the actions that are drawn. */
export const SITUATIONS: readonly string[] = [
  "Felix drops what it is not told again",
  "Felix is told of a change",
  "Felix is told of a record",
  "Felix is told the same under other labels",
  "a blob is sent",
  "a call between objects is lost",
  "a call between objects is repeated",
  "a checkpoint sweeps",
  "a commit comes between the blobs of a repair",
  "a commit fails on a full disk",
  "a commit shows in a projection",
  "a deletion reaches Felix",
  "a fold makes a repair begin again",
  "a projection is forgotten",
  "a projection is made",
  "a frame is acknowledged",
  "a frame is sent with its digest",
  "a frame is sent",
  "a message waits for a reader that stalls",
  "a reader catches up",
  "a reader is served on after the hub slept",
  "a reader resumes",
  "a reader that was being served is given another scope",
  "a reader that was being served is revoked",
  "a record is refused",
  "a refused record is let go",
  "a relay is in sync with records",
  "a relay is in sync with what a scope shows",
  "a relay publishes",
  "a relay refuses what is its own address",
  "a relay serves without the hub",
  "a relay stands by",
  "a source's new list comes half",
  "a withdrawal reaches Felix",
  "what a scope does not show is withdrawn",
  "an Origin starts with facts that are old",
  "an address comes to a pod after it left another",
  "an address comes to a second pod before it leaves the first",
  "an answer between objects is lost",
  "an object with sockets is evicted",
  "relay killed",
  "relay put back",
  "relay started",
  "relay torn",
  "repair: ahead-of-log",
  "repair: compacted",
  "repair: epoch-changed",
  "repair: first-contact",
  "repair: other-history",
  "storage lost",
  "storage rolled back",
  "storage wiped",
  "the end: a Felix has none",
  "the end: a Felix has records",
  "the hub is restored from a backup",
  "the hub's clock goes back",
  "the hub's clock jumps ahead",
];

/** How often, by name. */
export type Coverage = Map<string, number>;

export function count(coverage: Coverage, name: string, times = 1): void {
  coverage.set(name, (coverage.get(name) ?? 0) + times);
}

/** What one run has met. */
export function coverageOf(history: readonly Moment[]): Coverage {
  const coverage: Coverage = new Map();
  const looks = [sourcesOf(), accessOf(), projectionsOf(), connectionsOf(), relaysOf()];
  for (const { it } of history) {
    for (const look of looks) for (const name of look(it)) count(coverage, name);
    for (const name of plainly(it)) count(coverage, name);
  }
  return coverage;
}

type Look = (it: Happening) => readonly string[];

function plainly(it: Happening): readonly string[] {
  if (it.what === "action") return [`action ${it.name}`];
  if (it.what === "trouble") return [it.name];
  if (it.what === "restored") return ["the hub is restored from a backup"];
  if (it.what === "storage") return it.why === "new" ? [] : [`storage ${it.why}`];
  if (it.what === "kept")
    return [it.hash === null ? "a refused record is let go" : "a record is refused"];
  return it.what === "relay" ? [`relay ${it.state}`] : [];
}

/** Addresses that go from pod to pod. */
function sourcesOf(): Look {
  const holders = new Map<string, Set<string>>();
  const addresses = new Map<string, readonly string[]>();
  return (it) => {
    if (it.what !== "source") return [];
    const id = `${it.place} ${it.key}`;
    const seen: string[] = [];
    for (const ip of addresses.get(id) ?? []) holders.get(ip)?.delete(id);
    const isEndpoint = it.state?.channel === "identity";
    addresses.set(id, isEndpoint ? (it.state?.ips ?? []) : []);
    for (const ip of addresses.get(id) ?? []) {
      const others = holders.get(ip);
      if (others !== undefined)
        seen.push(
          others.size > 0
            ? "an address comes to a second pod before it leaves the first"
            : "an address comes to a pod after it left another",
        );
      holders.set(ip, (others ?? new Set()).add(id));
    }
    return seen;
  };
}

/** Who may read what, and who is connected when that changes. */
function accessOf(): Look {
  const known = new Map<string, StoredAccess>();
  const open = new Map<string, { readonly origin: string; readonly to: string }>();
  return (it) => {
    if (it.what === "sent" && it.role === "watch")
      open.set(it.socket, { origin: it.origin, to: it.to });
    if (it.what === "instance") {
      const before = known.get(it.origin)?.version ?? 0;
      return before > 0 && it.meshVersion > before
        ? ["an Origin starts with facts that are old"]
        : [];
    }
    if (it.what !== "access") return [];
    const { readers: before = new Set(), scopes } = known.get(it.origin) ?? {};
    known.set(it.origin, it);
    const served = [...open.values()].filter(
      ({ origin, to }) => origin === it.origin && before.has(to),
    );
    const isCut = served.some(({ to }) => !it.readers.has(to));
    const isMoved = served.some(
      ({ to }) => it.readers.has(to) && it.scopes?.get(to) !== scopes?.get(to),
    );
    return [
      ...(isCut ? ["a reader that was being served is revoked"] : []),
      ...(isMoved ? ["a reader that was being served is given another scope"] : []),
    ];
  };
}

/** What scopes show of an origin. */
function projectionsOf(): Look {
  const known = new Map<string, readonly number[]>();
  return (it) => {
    if (it.what === "commit")
      return it.slot === undefined ? [] : ["a commit shows in a projection"];
    if (it.what !== "projections") return [];
    const before = known.get(it.origin) ?? [];
    known.set(it.origin, [...it.slots.keys()]);
    return [
      ...(before.some((slot) => !it.slots.has(slot)) ? ["a projection is forgotten"] : []),
      ...([...it.slots.keys()].some((slot) => !before.includes(slot))
        ? ["a projection is made"]
        : []),
    ];
  };
}

/** How readers go on, and what comes between. */
function connectionsOf(): Look {
  const blobsLeft = new Map<string, number>();
  const started = new Set<string>();
  return (it) => {
    if (it.what === "instance")
      for (const id of blobsLeft.keys()) if (id.startsWith(`${it.origin} `)) started.add(id);
    if (it.what === "commit") {
      const isBetween = [...blobsLeft].some(
        ([id, left]) => left > 0 && id.startsWith(`${it.origin} `) && id.endsWith(` ${it.channel}`),
      );
      return isBetween ? ["a commit comes between the blobs of a repair"] : [];
    }
    if (it.what !== "sent") return [];
    const { message } = it;
    if (message.type === "accepted") return ["a frame is acknowledged"];
    if (message.type === "home-welcome")
      return [message.isStandby === true ? "a relay stands by" : "a relay publishes"];
    if (it.role !== "watch" || !("channel" in message)) return [];
    const id = `${it.origin} ${it.socket} ${message.channel}`;
    const seen: string[] = [];
    const left = blobsLeft.get(id) ?? 0;
    if (message.type === "repair-needed") {
      seen.push(`repair: ${message.reason}`);
      if (left > 0) seen.push("a fold makes a repair begin again");
    }
    if (message.type === "blob") seen.push("a blob is sent");
    if (message.type === "resume") seen.push("a reader resumes");
    if (message.type === "catch-up") seen.push("a reader catches up");
    if (message.type === "frame")
      seen.push(message.settled === null ? "a frame is sent" : "a frame is sent with its digest");
    if (message.type === "checkpoint" && message.sweep) seen.push("a checkpoint sweeps");
    if (message.type === "repair-plan") blobsLeft.set(id, message.blobs);
    else
      blobsLeft.set(
        id,
        message.type === "blob" ? left - 1 : message.type === "repair-needed" ? 0 : left,
      );
    if (started.delete(id)) seen.push("a reader is served on after the hub slept");
    return seen;
  };
}

/** What relays hold, say and tell. */
function relaysOf(): Look {
  const granted = new Map<string, ReadonlyMap<string, string>>();
  const scopes = new Map<string, ReadonlyMap<string, string>>();
  const told = new Map<string, Served>();
  return (it) => {
    if (it.what === "heard") {
      granted.set(it.relay, it.granted);
      scopes.set(it.relay, it.scopes ?? new Map());
    }
    if (it.what === "told") {
      const id = `${it.relay} ${it.key}`;
      const before = told.get(id);
      told.set(id, it.served);
      if (it.op === "put" && it.isNew) return ["Felix is told of a record"];
      if (it.op === "put")
        return [
          "Felix is told of a change",
          ...(before?.hash === it.served.hash ? ["Felix is told the same under other labels"] : []),
        ];
      const [rcc = ""] = it.key.split(" ");
      const isGranted = granted.get(it.relay)?.has(rcc) === true;
      const scope = scopes.get(it.relay)?.get(rcc);
      if (isGranted && scope !== undefined && it.served.fits?.(scope) === false)
        return ["what a scope does not show is withdrawn"];
      return [isGranted ? "a deletion reaches Felix" : "a withdrawal reaches Felix"];
    }
    if (it.what === "felix")
      return it.dropped.size > 0 ? ["Felix drops what it is not told again"] : [];
    if (it.what === "seen")
      return it.remotes.flatMap((remote) =>
        seenOf(remote, scopes.get(it.relay)?.has(remote.rcc) === true),
      );
    if (it.what !== "quiet") return [];
    return it.relays.flatMap((relay) => [
      relay.felix.size > 0 ? "the end: a Felix has records" : "the end: a Felix has none",
      ...(relay.isSuperseded ? ["the end: a relay stands by"] : []),
    ]);
  };
}

function seenOf(
  { status, isOpen, served, refused }: SeenRemote,
  hasScope: boolean,
): readonly string[] {
  const seen: string[] = [];
  if (status === 2 && isOpen && served.size > 0)
    seen.push(
      hasScope ? "a relay is in sync with what a scope shows" : "a relay is in sync with records",
    );
  if (status === 0 && served.size > 0) seen.push("a relay serves without the hub");
  if (refused.size > 0) seen.push("a relay refuses what is its own address");
  return seen;
}
