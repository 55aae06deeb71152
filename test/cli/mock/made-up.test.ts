import { expect, test } from "vitest";

import {
  madeUpEndpoint,
  MAX_CLUSTERS,
  MAX_ENDPOINTS,
  podRange,
} from "../../../cli/mock/made-up.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { RangeSet } from "../../../shared/ip/range-set.ts";
import { encodeChecked } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";

test("[CLI30] made-up endpoints are valid, distinct, and in their cluster's own range", () => {
  const ranges = Array.from({ length: MAX_CLUSTERS }, (_, n) => podRange(n));
  expect(new Set(ranges).size).toBe(MAX_CLUSTERS);
  for (const cluster of [0, 1, 3, 4, 511, MAX_CLUSTERS - 1]) {
    const own = new RangeSet([podRange(cluster)]);
    const keys = new Set<string>();
    const ips = new Set<string>();
    for (const n of [0, 1, 96, 97, 255, 256, 5_000, MAX_ENDPOINTS - 1]) {
      const endpoint = madeUpEndpoint(cluster, n, "1.5");
      expect(encodeChecked(endpoint).kind).toBe("ok");
      const [ip = ""] = endpoint.ips;
      expect([ip, own.has(parseIp(ip) ?? new Uint8Array(4))]).toEqual([ip, true]);
      keys.add(keyOf(endpoint));
      ips.add(ip);
    }
    expect([keys.size, ips.size]).toEqual([8, 8]);
  }
});
