import { expect, test } from "vitest";

import { derivedMac, isUnicastMac, vtepOf } from "../../../shared/overlay/vtep.ts";
import { node } from "../../support/records.ts";

test("[OVL3] the MAC of a node without one of its own is Calico's", () => {
  // As real Felixes had them.
  expect(derivedMac("node1", 4)).toBe("66:f9:37:c3:7e:94");
  expect(derivedMac("worker-1", 4)).toBe("66:93:7f:54:d5:53");
  expect(derivedMac("b1", 4)).toBe("66:7e:83:ca:2a:65");
  expect(derivedMac("b1", 6)).not.toBe(derivedMac("b1", 4));
});

const given = { ipv4Address: "192.0.2.21/24", ipv4VXLANTunnelAddr: "10.66.0.0" };

test("[OVL3] a node with address and tunnel address has an endpoint in that family only", () => {
  expect(vtepOf(node("b1", given), 4)).toEqual({
    node: "b1",
    family: 4,
    outer: "192.0.2.21",
    address: "10.66.0.0",
    mac: "66:7e:83:ca:2a:65",
  });
  expect(vtepOf(node("b1", given), 6)).toBe(null);
  const own = "02:00:00:00:00:01";
  expect(vtepOf(node("b1", { ...given, vxlanTunnelMACAddr: own }), 4)).toMatchObject({ mac: own });
});

test.each([
  [{ ...given, ipv4Address: "" }, "node b1 has no IPv4 address of its own"],
  [{ ...given, ipv4VXLANTunnelAddr: "" }, "node b1 has no IPv4 tunnel address"],
  [{ ...given, ipv4VXLANTunnelAddr: "fd00::1" }, "node b1: fd00::1 is no IPv4 address of a node"],
  [{ ...given, ipv4VXLANTunnelAddr: "zz" }, "node b1: zz is no IPv4 address of a node"],
  [{ ...given, ipv4VXLANTunnelAddr: "224.0.0.1" }, "224.0.0.1 is no IPv4 address of a node"],
  [{ ...given, ipv4Address: "0.0.0.0" }, "node b1: 0.0.0.0 is no IPv4 address of a node"],
  [{ ...given, ipv4Address: "127.0.0.1/8" }, "node b1: 127.0.0.1 is no IPv4 address of a node"],
  [{ ...given, vxlanTunnelMACAddr: "01:00:5e:00:00:01" }, "is no MAC address of one node"],
])("[OVL3] what a Felix would not bear is no endpoint: %j", (fields, reason) => {
  expect(vtepOf(node("b1", fields), 4)).toEqual({ reason: expect.stringContaining(reason) });
});

test("[OVL3] [ADM13] a MAC of many, of nobody, or that is none is not one node's", () => {
  expect(isUnicastMac("66:7e:83:ca:2a:65")).toBe(true);
  for (const mac of ["01:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "zz", ""])
    expect(isUnicastMac(mac)).toBe(false);
});
