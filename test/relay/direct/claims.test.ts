/** First claims of a direct remote, where no hub pins them. */
import { expect, test } from "vitest";

import { claim, NOTHING_CLAIMED } from "../../../relay/direct/claims.ts";
import { MAX_FIRST_CLAIMS } from "../../../shared/visibility/own-ranges.ts";

const pods = (...cidrs: string[]) => cidrs.map((cidr) => ({ cidr, use: "pods" as const }));
const here = [{ whose: "this cluster", cidrs: ["10.10.0.0/16"] }];

test("[DIR7] a first claim is pinned, and what lies in it asks for nothing more", () => {
  const once = claim(NOTHING_CLAIMED, pods("10.20.0.0/16"), here);
  expect(once.ranges.pods).toEqual(["10.20.0.0/16"]);
  expect(claim(once, pods("10.20.4.0/24"), here)).toEqual(once);
});

test("[DIR7] a claim that overlaps somebody's is refused by name, and the incumbent stays", () => {
  const { ranges, refused } = claim(NOTHING_CLAIMED, pods("10.10.4.0/24", "10.21.0.0/16"), [
    ...here,
    { whose: "remote db", cidrs: ["10.21.8.0/24"] },
  ]);
  expect(ranges.pods).toEqual([]);
  expect(refused.map(({ reason }) => reason)).toEqual([
    "10.10.4.0/24 overlaps 10.10.0.0/16 of this cluster",
    "10.21.0.0/16 overlaps 10.21.8.0/24 of remote db",
  ]);
});

test("[DIR7] public ranges, defaults and too many are not believed", () => {
  const many = Array.from({ length: MAX_FIRST_CLAIMS + 1 }, (_, i) => `10.${40 + i}.0.0/16`);
  const asked = claim(NOTHING_CLAIMED, pods("8.8.8.0/24", "0.0.0.0/0", ...many), here);
  expect(asked.ranges.pods).toHaveLength(MAX_FIRST_CLAIMS);
  expect(asked.refused).toHaveLength(3);
});
