/** Terms of publishers: a pure decision about which relay of a cluster publishes. */
import type { HomeHello } from "../../../shared/protocol/messages.ts";
import type { PublisherTerm } from "../log/log-store.ts";

/** The part of a hello that claims the right to publish. */
export type PublishClaim = Pick<HomeHello, "leaseUid" | "term" | "candidate" | "software">;

type TermClaim = Omit<PublishClaim, "software">;

export type TermPlan =
  | { readonly kind: "accepted"; readonly term: PublisherTerm }
  | { readonly kind: "standby" }
  | { readonly kind: "superseded"; readonly message: string };

/**
 * Heartbeats come every 5 s: a publisher that has missed four counts as gone, as the hub does for
 * its relay. [FLT4]
 */
export const SILENT_MS = 20_000;

/**
 * Whether a publisher with this term may take over. Terms compare within one Lease only: a Lease
 * that was made anew has another UID and starts over. Without a Lease the hub hands out the terms,
 * and a relay that finds a publisher there stands by. [VIS6] [VIS30]
 * @param isTaken Another socket of the cluster publishes, and was heard within `SILENT_MS`.
 */
export function planTerm(current: PublisherTerm, hello: TermClaim, isTaken: boolean): TermPlan {
  if (hello.candidate !== null && hello.leaseUid === "") {
    const isBack = current.leaseUid === "" && hello.term > 0 && hello.term === current.term;
    if (isTaken) return { kind: "standby" };
    return isBack
      ? { kind: "accepted", term: current }
      : planTerm(current, { leaseUid: "", term: 0, candidate: null }, false);
  }
  if (hello.leaseUid === "" && hello.term === 0)
    return {
      kind: "accepted",
      term: { leaseUid: "", term: (current.leaseUid === "" ? current.term : 0) + 1 },
    };
  if (hello.leaseUid === current.leaseUid && hello.term < current.term)
    return {
      kind: "superseded",
      message: `term ${hello.term} is older than ${current.term}: another relay publishes`,
    };
  return { kind: "accepted", term: { leaseUid: hello.leaseUid, term: hello.term } };
}
