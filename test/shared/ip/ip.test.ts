import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";

import { canonicalIp, formatIp, parseIp } from "../../../shared/ip/address.ts";
import { canonicalCidr, cidrContains, cidrsOverlap, parseCidr } from "../../../shared/ip/cidr.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { RangeSet } from "../../../shared/ip/range-set.ts";

test("[IP1] addresses agree with an independent library, both ways", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const ours = parseIp(text);
      // The deprecated IPv4-compatible form, which that library takes for IPv4.
      fc.pre(!/^::\d+\./.test(text));
      const theirs = ipaddr.process(text);
      expect([...(ours ?? [])]).toEqual(theirs.toByteArray());
      const formatted = formatIp(ours as Uint8Array);
      expect(parseIp(formatted)).toEqual(ours);
      if (theirs.kind() === "ipv6")
        expect(formatted).toBe((theirs as ipaddr.IPv6).toRFC5952String());
    }),
    { numRuns: 2_000 },
  );
});

test("[IP1] what is not exactly one address is refused", () => {
  for (const text of [
    "",
    " 10.0.0.1",
    "10.0.0.1 ",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.1/32",
    "1.2.3.4.5",
    "::1%eth0",
    "1::2::3",
    ":::",
    "12345::",
    "::ffff:1.2.3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8:9",
    "g::",
  ])
    expect([text, parseIp(text)]).toEqual([text, null]);
  expect(canonicalIp("::ffff:10.0.0.1")).toBe("10.0.0.1");
  expect(canonicalIp("FD00:18:0::8")).toBe("fd00:18::8");
});

test("[IP2] prefixes are masked and canonical", () => {
  expect(canonicalCidr("10.64.0.13/26")).toBe("10.64.0.0/26");
  expect(canonicalCidr("FD00::1/64")).toBe("fd00::/64");
  expect(canonicalCidr("10.0.0.1")).toBe("10.0.0.1/32");
  for (const text of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "::/129", "x/8"])
    expect(canonicalCidr(text)).toBe(null);
});

test("[IP2] containment and overlap agree with an independent library", () => {
  const prefix = fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
    .map(([ip, length]) => `${ip}/${length}`);
  fc.assert(
    fc.property(prefix, prefix, fc.ipV4(), (a, b, ip) => {
      const [x, y] = [parseCidr(a), parseCidr(b)] as [Cidr, Cidr];
      const [p, q] = [ipaddr.IPv4.parseCIDR(a), ipaddr.IPv4.parseCIDR(b)];
      const [inA, inB] = [q[0].match(p[0], p[1]), p[0].match(q[0], q[1])];
      expect(cidrContains(x, y)).toBe(p[1] <= q[1] && inA);
      expect(cidrsOverlap(x, y)).toBe((p[1] <= q[1] && inA) || (q[1] <= p[1] && inB));
      expect(new RangeSet([a]).overlaps(y)).toBe(cidrsOverlap(x, y));
      expect(new RangeSet([a, b]).has(parseIp(ip) as Uint8Array)).toBe(
        ipaddr.IPv4.parse(ip).match(p[0], p[1]) || ipaddr.IPv4.parse(ip).match(q[0], q[1]),
      );
    }),
    { numRuns: 1_000 },
  );
});
