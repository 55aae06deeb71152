/**
 * Notes to the Mesh about a cluster, besides its claims: the pools that are its own, and the claims
 * that it has given up. The facts have the Mesh's last note, so a note that was lost, or that a
 * restored Mesh has forgotten, is sent again by the same comparison. [VIS32] [VIS34]
 */
import { canonicalCidr, parseCidr } from "../../../shared/ip/cidr.ts";
import { RangeSet } from "../../../shared/ip/range-set.ts";
import { summaryHash } from "../../../shared/overlay/summary.ts";
import type { OverlaySummary } from "../../../shared/overlay/summary.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { exportHash } from "../../../shared/visibility/export-report.ts";
import type { ExportReport } from "../../../shared/visibility/export-report.ts";
import { MAX_TOLD_POOLS } from "../../../shared/visibility/facts.ts";
import type { ClusterNote, ClusterReport, OriginFacts } from "../../../shared/visibility/facts.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";

export interface NoteSources {
  facts(): OriginFacts | null;
  /** The publisher's report; `null` before there is one. */
  report(): ClusterReport | null;
  /** What the publisher says for routes; `null`: it has not since this instance started. */
  overlay(): OverlaySummary | null;
  /** Whether a record of the channel of pools is kept because it is refused. */
  isPoolRefused(keyHash: Uint8Array): boolean;
}

export class MeshNotes {
  readonly #ports: Pick<OriginPorts, "clock" | "mesh">;
  readonly #sources: NoteSources;
  readonly #setTimer: SetTimer;
  #isDue = false;
  /** Highest generation of the credentials that the cluster's relays have shown. */
  #newestKey = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    ports: Pick<OriginPorts, "clock" | "mesh">,
    timers: TimerRegistry,
    sources: NoteSources,
  ) {
    this.#ports = ports;
    this.#sources = sources;
    this.#setTimer = timers.own("note", () => this.#sendDue());
  }

  /** Compares soon with the Mesh's last note, after a change that may call for another. */
  compareSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = this.#lastMs + BUDGETS.noteMs - this.#ports.clock.now();
    this.#setTimer(Math.max(0, Math.min(waitMs, BUDGETS.noteMs)));
  }

  /** A relay of the cluster has shown a credential, which the hub has signed. */
  onKey(generation: number): void {
    const facts = this.#sources.facts();
    if (generation <= Math.max(this.#newestKey, facts?.keyGeneration ?? 0)) return;
    this.#newestKey = generation;
    // The first facts are a reason to compare by themselves.
    if (facts !== null) this.compareSoon();
  }

  #sendDue(): void {
    const facts = this.#sources.facts();
    if (facts === null) return;
    this.#isDue = false;
    const isClaimed = (cidr: string): boolean => this.#isClaimed(cidr);
    const overlay = this.#sources.overlay();
    const note = noteOf(facts, this.#sources.report(), isClaimed, this.#newestKey, overlay);
    if (note === null) return;
    this.#lastMs = this.#ports.clock.now();
    this.#ports.mesh.note(note);
  }

  /** Whether a pool of this CIDR is there and refused. */
  #isClaimed(cidr: string): boolean {
    return this.#sources.isPoolRefused(hashKey(poolKey(cidr)));
  }
}

/** The note that the Mesh should have and has not; `null`: none. */
export function noteOf(
  facts: OriginFacts,
  report: ClusterReport | null,
  isClaimed: (cidr: string) => boolean,
  newestKey = 0,
  said: OverlaySummary | null = null,
): ClusterNote | null {
  if (facts.removed) return null;
  // A relay that has just started has no pools: without this its readers' NAT would come and go.
  const isKnown = report !== null && report.unlisted !== true;
  const pools = isKnown ? ownPools(report.pools, facts) : null;
  const isNoted = pools === null || pools.join(" ") === (facts.pools ?? []).join(" ");
  const dropped = facts.refusedClaims
    .filter(({ use, cidr }) => use === "pods" && !isClaimed(cidr))
    .map(({ use, cidr }) => ({ use, cidr }));
  const isNewKey = newestKey > facts.keyGeneration;
  const overlay = said === null ? null : ownOverlay(said, facts);
  const isEarly = overlay?.pools.length === 0 && said?.pools.length !== 0;
  const isNewOverlay = overlay !== null && !isEarly && summaryHash(overlay) !== facts.overlayHash;
  const exports = newExports(report, facts);
  if (isNoted && dropped.length === 0 && !isNewKey && !isNewOverlay && exports === undefined)
    return null;
  return {
    pools: isNoted ? null : pools,
    dropped,
    ...(isNewKey ? { keyGeneration: newestKey } : {}),
    ...(isNewOverlay ? { overlay } : {}),
    ...(exports === undefined ? {} : { exports }),
  };
}

/**
 * Without pools that are not its own (none is pinned before it is claimed): those of others would
 * stand in their way.
 */
function ownOverlay(said: OverlaySummary, { ranges }: OriginFacts): OverlaySummary {
  const own = new RangeSet([...ranges.pods, ...(ranges.shared ?? [])]);
  const isOwn = (text: string): boolean => {
    const cidr = parseCidr(text);
    return cidr !== null && own.contains(cidr);
  };
  return { ...said, pools: said.pools.filter(({ cidr }) => isOwn(cidr)) };
}

/** The owner's veto where the Mesh has another; `undefined`: it has this one. [EXP5] */
function newExports(
  report: ClusterReport | null,
  { exportHash: noted }: OriginFacts,
): ExportReport | null | undefined {
  if (report === null) return undefined;
  const { exports = null } = report;
  const hash = exports === null ? undefined : exportHash(exports);
  return hash === noted ? undefined : exports;
}

/** Reported pools that lie in the cluster's ranges: it speaks for no others. */
function ownPools(reported: readonly string[], { ranges }: OriginFacts): string[] {
  const own = new RangeSet([...ranges.pods, ...(ranges.shared ?? [])]);
  const pools = reported.filter((text) => {
    const cidr = parseCidr(text);
    return cidr !== null && canonicalCidr(text) === text && own.contains(cidr);
  });
  return [...new Set(pools)].slice(0, MAX_TOLD_POOLS).toSorted();
}

function poolKey(cidr: string): string {
  const nothing = { ipipMode: "", vxlanMode: "", natOutgoing: false, disabled: false } as const;
  return keyOf({ kind: "IPPool", cidr, allowedUses: [], ...nothing });
}
