/**
 * Felix in nftables mode keeps all pools in sets of intervals that the kernel does not merge (one
 * for each family). A pool that overlaps another one is refused, and after a second of retries
 * Felix panics: seen with 3.32.1 for nested pools of both families, whoever they belong to. Equal
 * ones are one interval. A deletion in front of the put, in one message, was seen to be enough; the
 * other order was not, and counts as the end here.
 */
import { netHas } from "./addresses.ts";
import type { Net } from "./addresses.ts";
import type { Objects } from "./objects.ts";
import { NO_NET } from "./shapes.ts";

/** Why the kernel refuses the pools, or `null`. */
export function refusedPools(objects: Objects): string | null {
  const nets = [...objects.of("IPPool")]
    .map(([, { cidr }]) => cidr)
    .filter((cidr) => cidr !== NO_NET)
    .toSorted((a, b) => a.length - b.length);
  for (const [i, wider] of nets.entries())
    for (const net of nets.slice(i + 1))
      if (net.text !== wider.text && netHas(wider, net.address))
        return `interval overlaps with an existing one: ${name(net)} and ${name(wider)}`;
  return null;
}

function name({ text }: Net): string {
  return `pool ${text}`;
}
