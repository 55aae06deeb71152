import { expect, test } from "vitest";

import { felixValue } from "../../../relay/felix/felix-values.ts";
import { remoteLabels } from "../../../relay/felix/remote-labels.ts";
import { MAX_NAME } from "../../../shared/lib/names.ts";
import { effectOf } from "../../support/felix-model/model.ts";
import { node, pod, pool } from "../../support/records.ts";

test("[TYP6] a workload endpoint is built field by field under its renamed node and profiles", () => {
  const record = {
    ...pod("web-0", "10.20.0.1", { app: "web" }),
    ips: ["10.20.0.1", "fd00::1"],
    ports: [{ name: "http", protocol: "tcp" as const, port: 8080 }],
  };
  expect(felixValue("blue", record)).toEqual({
    key: "/calico/v1/host/blue_node-1/workload/k8s/shop%2fweb-0/endpoint/eth0",
    value: {
      state: "active",
      name: "remote",
      active_instance_id: "",
      mac: null,
      profile_ids: ["blue_kns.shop"],
      ipv4_nets: ["10.20.0.1/32"],
      ipv6_nets: ["fd00::1/128"],
      labels: {
        app: "web",
        "projectcalico.org/namespace": "shop",
        "projectcalico.org/orchestrator": "k8s",
        "catwalk.dev/cluster": "blue",
      },
      ports: [{ name: "http", protocol: "tcp", port: 8080 }],
    },
  });
});

test("[TYP7] the cluster label cannot be claimed by the origin", () => {
  const felix = felixValue("blue", pod("web-0", "10.20.0.1", { "catwalk.dev/cluster": "green" }));
  expect(felix?.value).toMatchObject({ labels: { "catwalk.dev/cluster": "blue" } });
});

test("[TYP6] a profile keeps a valid name inside, and never stands under a local namespace's key", () => {
  expect(
    felixValue("blue", { kind: "Profile", name: "kns.shop", labels: { "pcns.env": "prod" } }),
  ).toEqual({
    key: "/calico/resources/v3/projectcalico.org/profiles/blue_kns.shop",
    value: {
      kind: "Profile",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "kns.shop", creationTimestamp: null },
      spec: { labelsToApply: { "pcns.env": "prod" } },
    },
  });
});

test("[TYP6] a host endpoint's addresses have no mask; nodes and blocks are not delivered", () => {
  const hep = {
    kind: "HostEndpoint" as const,
    node: "n1",
    name: "eth0",
    interfaceName: "eth0",
    ips: ["172.18.0.2", "fd00::2"],
    labels: {},
    profiles: ["p"],
    ports: [],
  };
  expect(felixValue("blue", hep)).toEqual({
    key: "/calico/v1/host/blue_n1/endpoint/eth0",
    value: {
      name: "eth0",
      expected_ipv4_addrs: ["172.18.0.2"],
      expected_ipv6_addrs: ["fd00::2"],
      labels: { "catwalk.dev/cluster": "blue" },
      profile_ids: ["blue_p"],
      ports: [],
    },
  });
  expect(felixValue("blue", node("n1", { ipv4Address: "172.18.0.2/16" }))).toBe(null);
});

test("[TYP20] a pool only says that its addresses are pods': no mode, no NAT of its own, never used by IPAM or BGP", () => {
  expect(
    felixValue("blue", { ...pool("10.66.0.0/16"), vxlanMode: "always", natOutgoing: true }),
  ).toEqual({
    key: "/calico/v1/ipam/v4/pool/10.66.0.0-16",
    value: {
      cidr: "10.66.0.0/16",
      ipip: "",
      ipip_mode: "",
      vxlan_mode: "",
      masquerade: false,
      ipam: false,
      disabled: true,
      disableBGPExport: true,
      assignment_mode: "Automatic",
    },
  });
});

test("[NAM1] a Felix takes what comes under the longest name of an RCC, also with the longest names of the origin and labels under the RCC's own", () => {
  const rcc = "r".repeat(MAX_NAME);
  const long = "n".repeat(63);
  const nodeName = `${`${long}.`.repeat(3)}${"n".repeat(61)}`;
  const labels = { app: "x", [`${long}.${long}/${long}`]: long };
  const records = [
    { ...pod("web-0", "10.20.0.1", labels), node: nodeName, name: nodeName },
    { kind: "Profile" as const, name: `kns.${long}`, labels: { "pcns.env": "prod" } },
  ];
  for (const mode of ["original", "prefixed"] as const)
    for (const record of records) {
      const seen = { ...record, labels: remoteLabels(rcc, mode, record.labels) };
      const felix = felixValue(rcc, seen);
      expect(felix?.key).toContain(`${rcc}_`);
      const value = JSON.stringify(felix?.value);
      expect(effectOf({ key: felix?.key ?? "", value })).toEqual({ is: "taken" });
    }
  expect(Object.keys(remoteLabels(rcc, "prefixed", { app: "x" }))).toEqual([
    `${rcc}.catwalk.dev/app`,
  ]);
});
