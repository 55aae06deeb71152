/**
 * What the Mesh is told of a cluster besides its claims: which pools are its own, and which claims
 * it has given up. The facts say what the Mesh has noted, so a note that was lost, or that a
 * restored Mesh has forgotten, is sent again by the same comparison. [VIS32] [VIS34]
 */
import { canonicalCidr, parseCidr } from "../../../shared/ip/cidr.ts";
import { RangeSet } from "../../../shared/ip/range-set.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { MAX_TOLD_POOLS } from "../../../shared/visibility/facts.ts";
import type { ClusterNote, ClusterReport, OriginFacts } from "../../../shared/visibility/facts.ts";
import type { ReceivedSet } from "../log/received-set.ts";
import type { OriginPorts } from "../ports.ts";

/**
 * Between two notes: a cluster that changes its pools without end costs the Mesh, and all that it
 * reads, no more.
 */
const NOTE_MS = 5_000;

export class MeshNotes {
  readonly #ports: OriginPorts;
  readonly #pools: Pick<ReceivedSet, "isRefused">;
  #isDue = false;
  /** Of the credentials that the cluster's relays have shown. */
  #newestKey = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** @param pools What was received in the channel of pools. */
  constructor(ports: OriginPorts, pools: Pick<ReceivedSet, "isRefused">) {
    this.#ports = ports;
    this.#pools = pools;
  }

  /** Something has changed that a note may follow from. */
  look(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = this.#lastMs + NOTE_MS - this.#ports.clock.now();
    this.#ports.setTimer("note", Math.max(0, Math.min(waitMs, NOTE_MS)));
  }

  /** A relay of the cluster has shown a credential, which the hub has signed. */
  onKey(generation: number, facts: OriginFacts | null): void {
    if (generation <= Math.max(this.#newestKey, facts?.keyGeneration ?? 0)) return;
    this.#newestKey = generation;
    // Facts that come first are a reason to look by themselves.
    if (facts !== null) this.look();
  }

  onTimer(facts: OriginFacts, report: ClusterReport | null): void {
    this.#isDue = false;
    const note = noteOf(facts, report, (cidr) => this.#isClaimed(cidr), this.#newestKey);
    if (note === null) return;
    this.#lastMs = this.#ports.clock.now();
    this.#ports.mesh.note(note);
  }

  onFailed(): void {
    this.look();
  }

  /** Whether a pool of this CIDR is there and refused. */
  #isClaimed(cidr: string): boolean {
    return this.#pools.isRefused(hashKey(poolKey(cidr)));
  }
}

/** What the Mesh should note and has not; `null`: nothing. */
export function noteOf(
  facts: OriginFacts,
  report: ClusterReport | null,
  isClaimed: (cidr: string) => boolean,
  newestKey = 0,
): ClusterNote | null {
  if (facts.removed) return null;
  const pools = report === null ? null : ownPools(report.pools, facts);
  const isNoted = pools === null || pools.join(" ") === (facts.pools ?? []).join(" ");
  const dropped = facts.refusedClaims
    .filter(({ use, cidr }) => use === "pods" && !isClaimed(cidr))
    .map(({ use, cidr }) => ({ use, cidr }));
  const isNewKey = newestKey > facts.keyGeneration;
  if (isNoted && dropped.length === 0 && !isNewKey) return null;
  const noted = { pools: isNoted ? null : pools, dropped };
  return isNewKey ? { ...noted, keyGeneration: newestKey } : noted;
}

/** Of the pools that a cluster reports those that lie in its ranges: it speaks for no others. */
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
