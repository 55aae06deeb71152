/** What an origin may have in one channel: keys, refused records, and bytes of both. */
import type { Channel } from "../../../shared/record/channel.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { AdmittedChange } from "../log/admitted-change.ts";

/** What there is of a log. */
export interface HeldLog {
  readonly channel: Channel;
  readonly keys: number;
  readonly received: { readonly refused: number; readonly keptBytes: number };
  readonly folding: { readonly storedBytes: number };
  readonly admitted: { tagOf(keyHash: Uint8Array): number | undefined };
}

/**
 * The quota that these changes would break, or `null`. Added keys are counted only for an origin
 * that is near it: the count is then exact. Bytes may go beyond it by one commit. [LOG57] [LOG68]
 */
export function brokenQuota(
  log: HeldLog,
  append: readonly AdmittedChange[],
  quarantined: number,
): string | null {
  const held = log.received.refused + quarantined;
  if (quarantined > 0 && held > BUDGETS.quarantinedRecords)
    return `more than ${BUDGETS.quarantinedRecords} records of ${log.channel} are refused by admission; correct the cluster's ranges`;
  if (quarantined > 0 && log.received.keptBytes > BUDGETS.refusedBytes)
    return `${log.received.keptBytes} bytes of ${log.channel} are refused by admission, of ${BUDGETS.refusedBytes} that are kept; correct the cluster's ranges`;
  const storedBytes = log.folding.storedBytes;
  if (storedBytes > BUDGETS.admittedBytes && append.some(({ recordHash }) => recordHash !== null))
    return `an origin may have ${BUDGETS.admittedBytes} bytes in ${log.channel}, and has ${storedBytes}`;
  if (log.keys + held + append.length <= BUDGETS.channelKeys) return null;
  const isNew = ({ keyHash, recordHash }: AdmittedChange): boolean =>
    recordHash !== null && log.admitted.tagOf(keyHash) === undefined;
  const added = append.filter(isNew).length;
  return added > 0 && log.keys + held + added > BUDGETS.channelKeys
    ? `an origin may have ${BUDGETS.channelKeys} keys in ${log.channel}`
    : null;
}
