import { expect, test } from "vitest";

import { checkClaim, checkGivenRange } from "../../../shared/visibility/own-ranges.ts";

test("[VIS25] an operator gives unicast ranges in canonical spelling", () => {
  for (const cidr of ["10.0.0.0/8", "8.8.8.0/24", "2001:db8::/32", "172.18.0.2/32", "172.18.0.2"])
    expect(checkGivenRange(cidr, "nodes")).toMatchObject({ ok: true });
  for (const [cidr, word] of [
    ["0.0.0.0/0", "default route"],
    ["::/0", "default route"],
    ["0.0.0.0/1", "this network"],
    ["127.0.0.0/16", "loopback"],
    ["169.254.0.0/16", "link-local"],
    ["fe80::/64", "link-local"],
    ["224.0.0.0/8", "multicast"],
    ["ff02::/16", "multicast"],
    ["::1/128", "loopback"],
    ["255.255.255.255/32", "broadcast"],
    ["10.0.0.1/8", "write 10.0.0.0/8"],
    ["2001:DB8::/32", "write 2001:db8::/32"],
    ["ten", "is not a CIDR"],
    ["10.0.0.0/33", "is not a CIDR"],
    ["", "is not a CIDR"],
  ] as const)
    expect(checkGivenRange(cidr, "pods")).toMatchObject({
      ok: false,
      rule: expect.stringContaining(word),
    });
});

test("[VIS26] a first claim is private, CGNAT or ULA, not wider than /12 or /40, single addresses for nodes", () => {
  for (const cidr of [
    "10.16.0.0/12",
    "172.16.0.0/12",
    "192.168.1.0/26",
    "100.64.0.0/12",
    "fd00::/40",
  ])
    expect(checkClaim(cidr, "pods")).toMatchObject({ ok: true });
  for (const [cidr, use, word] of [
    ["8.8.8.0/24", "pods", "RFC 1918"],
    ["172.0.0.0/12", "pods", "RFC 1918"],
    ["2001:db8::/48", "pods", "RFC 1918"],
    ["100.0.0.0/12", "pods", "RFC 1918"],
    ["10.0.0.0/8", "pods", "wider than /12"],
    ["fd00::/39", "pods", "wider than /40"],
    ["169.254.1.1", "nodes", "link-local"],
    ["10.0.0.0/24", "nodes", "single addresses"],
    ["fd00::/64", "nodes", "single addresses"],
    ["nonsense", "pods", "is not a CIDR"],
  ] as const)
    expect(checkClaim(cidr, use)).toMatchObject({ ok: false, rule: expect.stringContaining(word) });
});
