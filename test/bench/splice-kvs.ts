/** Key/values of the splice's figures: workload endpoints as Typha and as the relay write them. */
export function localKey(n: number): string {
  const node = String(n % 500).padStart(4, "0");
  return `/calico/v1/host/node-${node}/workload/k8s/shop%2fweb-6d4cf-${String(n).padStart(6, "0")}/endpoint/eth0`;
}

export function remoteKey(n: number): string {
  return localKey(n).replace("/host/", "/host/db_");
}

export function valueOf(n: number, cluster?: string): string {
  return JSON.stringify({
    state: "active",
    name: "cali0ef24ba1c2d",
    active_instance_id: "",
    mac: null,
    profile_ids: ["kns.shop", "ksa.shop.web"],
    ipv4_nets: [`10.${64 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}/32`],
    ipv6_nets: [],
    labels: {
      app: `app-${n % 200}`,
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "web",
      ...(cluster !== undefined && { "catwalk.dev/cluster": cluster }),
    },
    ports: [{ name: "http", protocol: "tcp", port: 8080 }],
  });
}
