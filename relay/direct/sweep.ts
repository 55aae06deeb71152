/**
 * What a direct remote's view holds and a complete list does not: which of it goes, and which stays
 * for now. [DIR5] [DIR14]
 */
import { toId } from "../../shared/lib/bytes.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { OwnCluster } from "../own-cluster.ts";
import type { DirectLog } from "./direct-log.ts";
import { isOfKinds } from "./record-kinds.ts";
import type { RemoteAdmission } from "./remote-admission.ts";

export interface SweepKinds {
  /** The account may not list them: nothing says that they are gone. */
  readonly forbidden: ReadonlySet<string>;
  /** They are not followed. */
  readonly without: ReadonlySet<string>;
  /** What is held is of another cluster: nothing of it stays. [DIR16] */
  readonly isOther: boolean;
}

export interface Swept {
  /** Missing in mass, or not to be listed. */
  readonly staying: ReadonlyMap<Channel, Uint8Array[]>;
  /** Some of it is of kinds that may not be listed: it may be outdated. */
  readonly isUnsure: boolean;
}

/** @param admission Which has judged all that is listed. */
export function sweep(
  { local, withdrawals }: Pick<OwnCluster, "local" | "withdrawals">,
  log: Pick<DirectLog, "holds" | "keys" | "heldAt" | "write">,
  admission: Pick<RemoteAdmission, "admitted" | "refused">,
  { forbidden, without, isOther }: SweepKinds,
): Swept {
  const staying = new Map<Channel, Uint8Array[]>();
  let isUnsure = false;
  for (const channel of CHANNELS) {
    const is = (keyHash: Uint8Array, kinds: ReadonlySet<string>): boolean => {
      const held = kinds.size === 0 ? null : log.heldAt(channel, keyHash);
      return held !== null && isOfKinds(held.record, kinds);
    };
    const [absent, gone]: [Uint8Array[], Uint8Array[]] = [[], []];
    // After a first list it holds just that, and no key need be looked at.
    const isSame = admission.refused.size === 0 && log.holds(channel, local.trie(channel));
    for (const keyHash of isSame ? [] : log.keys(channel)) {
      const encoded = local.get(keyHash);
      if (encoded === undefined) absent.push(keyHash);
      else if (admission.refused.has(encoded.key) && admission.admitted(encoded) === null)
        gone.push(keyHash);
    }
    const kept = isOther ? [] : absent.filter((keyHash) => is(keyHash, forbidden));
    const keptIds = new Set(kept.map(toId));
    const isMissing = (key: Uint8Array): boolean => !keptIds.has(toId(key)) && !is(key, without);
    const missing = isOther ? [] : absent.filter(isMissing);
    const held = withdrawals.review(channel, missing);
    for (const keyHash of absent)
      if (!held.has(toId(keyHash)) && !keptIds.has(toId(keyHash))) gone.push(keyHash);
    log.write(gone.map((keyHash) => ({ op: "delete", channel, keyHash })));
    isUnsure ||= kept.length > 0;
    staying.set(channel, [...kept, ...missing.filter((keyHash) => held.has(toId(keyHash)))]);
  }
  return { staying, isUnsure };
}
