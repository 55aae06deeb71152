/**
 * Partitions of the space of key hashes, by which tries, blobs and repairs are cut. A partition is
 * a subtree: the keys whose hash begins with the first `bits` bits of `prefix` (an unsigned 32-bit
 * number, left-aligned).
 */
export interface Partition {
  readonly bits: number;
  readonly prefix: number;
}

export const WHOLE: Partition = { bits: 0, prefix: 0 };

export interface PartitionDigest extends Partition {
  readonly digest: Uint8Array;
}

/** The top 32 bits of a key hash, by which partitions are cut. */
export function prefixOf(keyHash: Uint8Array): number {
  return (
    (((keyHash[0] ?? 0) << 24) |
      ((keyHash[1] ?? 0) << 16) |
      ((keyHash[2] ?? 0) << 8) |
      (keyHash[3] ?? 0)) >>>
    0
  );
}

export function partitionHas(partition: Partition, keyHash: Uint8Array): boolean {
  return (
    partition.bits === 0 || (prefixOf(keyHash) ^ partition.prefix) >>> (32 - partition.bits) === 0
  );
}

/**
 * The two halves of a partition.
 * @throws Error when it has 32 bits: 512 keys never share a 32-bit prefix by accident.
 */
export function splitPartition(partition: Partition): readonly [Partition, Partition] {
  if (partition.bits >= 32) throw new Error("BUG: a partition of 32 bits cannot be split");
  const bits = partition.bits + 1;
  return [
    { bits, prefix: partition.prefix },
    { bits, prefix: (partition.prefix | (1 << (32 - bits))) >>> 0 },
  ];
}

/** Rule for the leaves that a peer sends; see `areDisjoint`. [PRO4] */
export const DISJOINT_RULE = "leaves must be in order and must not overlap";

/**
 * Whether partitions come in order and do not overlap, as the leaves of any trie do: then work on
 * all of them together is bounded by the keys, however many a hostile peer names. [PRO4]
 */
export function areDisjoint(partitions: readonly Partition[]): boolean {
  let end = 0;
  for (const { bits, prefix } of partitions) {
    const size = 2 ** (32 - bits);
    if (prefix < end || prefix % size !== 0) return false;
    end = prefix + size;
  }
  return true;
}

/**
 * Partitions that have keys in common with any of the others. Both lists are in order and do not
 * overlap in themselves.
 */
export function overlapping<T extends Partition>(
  partitions: readonly T[],
  others: readonly Partition[],
): T[] {
  let at = 0;
  return partitions.filter((partition) => {
    while (at < others.length && endOf(others[at] as Partition) <= partition.prefix) at++;
    const other = others[at];
    return other !== undefined && other.prefix < endOf(partition);
  });
}

function endOf({ bits, prefix }: Partition): number {
  return prefix + 2 ** (32 - bits);
}

/** Which half of a node at `depth` a prefix lies in: 0 or 1. */
export function bitOf(prefix: number, depth: number): number {
  return (prefix >>> (31 - depth)) & 1;
}
