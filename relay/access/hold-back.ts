/**
 * Access facts of a hub that was restored to an older state may show more than this relay has heard
 * since: a grant that was narrowed, or taken away, after the backup. Until an operator has
 * confirmed what the restored hub permits, a remote stays as it was heard last where that was
 * narrower. [BAK4]
 */
import type { AccessFacts, Remote } from "../../shared/visibility/facts.ts";
import { isSameScope } from "../../shared/visibility/scope.ts";

/** @param heard What this relay has heard of the mesh until now; `null`: nothing. */
export function holdBack(facts: AccessFacts, heard: AccessFacts | null): AccessFacts {
  if (facts.unconfirmedRestore === undefined || heard?.meshId !== facts.meshId) return facts;
  const remotes = facts.remotes.map((remote) => narrower(remote, heard.remotes));
  const known = new Set((heard.readerPools ?? []).map(({ cluster }) => cluster.uid));
  const readerPools = (facts.readerPools ?? []).filter(({ cluster }) => known.has(cluster.uid));
  return { ...facts, remotes, ...(facts.readerPools === undefined ? {} : { readerPools }) };
}

/**
 * A restored hub's facts under a number that this relay knows already change nothing but this: a
 * remote of which that hub would show more than was heard is held back. Answers the same facts
 * where there is none.
 */
export function heldBackBy(restored: AccessFacts, heard: AccessFacts): AccessFacts {
  if (restored.unconfirmedRestore === undefined) return heard;
  let isAny = false;
  const remotes = heard.remotes.map((remote): Remote => {
    const now = restored.remotes.find(({ rcc }) => rcc === remote.rcc);
    if (remote.heldBack === true || remote.state !== "granted" || now === undefined) return remote;
    if (narrower(now, heard.remotes).heldBack !== true) return remote;
    isAny = true;
    return { ...remote, heldBack: true };
  });
  const { unconfirmedRestore } = restored;
  return isAny ? { ...heard, remotes, unconfirmedRestore } : heard;
}

function narrower(remote: Remote, heard: readonly Remote[]): Remote {
  if (remote.state !== "granted") return remote;
  const before = heard.find(
    ({ rcc, origin }) => rcc === remote.rcc && origin.uid === remote.origin.uid,
  );
  if (before?.state !== "granted") return { ...remote, state: "not-granted", heldBack: true };
  // What showed all can only have become narrower.
  if (before.scope === undefined) return remote;
  if (isSameScope(before.scope, remote.scope) && before.heldBack !== true) return remote;
  return { ...remote, scope: before.scope, heldBack: true };
}
