/**
 * Two clusters of two nodes in network namespaces, with a router between them; a real hub and real
 * relays on this machine's loopback; on each node the model of Felix, which programs the node's
 * kernel from what its relay serves. The router knows no pods, unless it is told to.
 */
import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { getStatus } from "../../shared/api/status.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import { LiveTypha } from "../support/live-typha.ts";
import { MeshRig } from "../support/mesh-rig.ts";
import { CLUSTERS, SUBNETS, typhaKvs, writeManifests } from "./clusters.ts";
import type { LabCluster, LabNode } from "./clusters.ts";
import { Namespaces } from "./namespaces.ts";
import type { Nft } from "./nft.ts";
import { NodeFelix } from "./node-felix.ts";
import { PodProcess } from "./pod-process.ts";
import { until } from "./until.ts";

const MESH = "demo";
const NONE: { readonly edges: readonly EdgeStatus[] } = { edges: [] };
const ROUTER = "router";
/** Of a node's end of a pod's link, as Calico has it: pods send everything there. */
const GATEWAY_MAC = "ee:ee:ee:ee:ee:ee";
const GATEWAYS = ["169.254.1.1", "fe80::ecee:eeff:feee:eeee"] as const;
const FORWARDS = {
  "net/ipv4/ip_forward": "1",
  "net/ipv6/conf/all/forwarding": "1",
  "net/ipv6/conf/default/forwarding": "1",
  "net/ipv6/conf/default/accept_dad": "0",
};

export class Lab {
  readonly rig = new MeshRig();
  readonly spaces = new Namespaces();
  readonly felixes = new Map<string, NodeFelix>();
  readonly pods = new Map<string, PodProcess>();
  readonly #typhas = new Map<string, LiveTypha>();
  readonly #ports = new Map<string, number>();
  readonly #clusters: readonly LabCluster[];

  constructor(clusters = CLUSTERS) {
    this.#clusters = clusters;
  }

  /** Networks, pods, hub, relays, Felixes; no cluster sees the other yet. */
  async start(nft: Nft): Promise<void> {
    await Namespaces.sweep();
    await this.spaces.add(ROUTER);
    await this.spaces.sysctl(ROUTER, FORWARDS);
    for (const cluster of this.#clusters) await this.#buildNetwork(cluster);
    await this.rig.startHub();
    await this.rig.call(createMesh, { body: { name: MESH } });
    for (const cluster of this.#clusters) {
      const { name, nodes, pools } = cluster;
      writeManifests(this.rig.folder(name), cluster);
      await this.rig.addCluster(name, pools);
      const typha = await LiveTypha.start(typhaKvs(cluster));
      this.#typhas.set(name, typha);
      await this.startRelay(name);
      for (const { name: hostname, pod } of nodes) {
        const port = (): number => this.#port(name);
        const options = { hostname, spaces: this.spaces, nft, port, datastore: typha.kvs };
        this.felixes.set(hostname, await NodeFelix.start(options));
        this.pods.set(hostname, await PodProcess.start(this.spaces.name(`${hostname}-pod`), pod));
      }
    }
  }

  async stop(): Promise<void> {
    for (const pod of this.pods.values()) pod.stop();
    for (const felix of this.felixes.values()) await felix.stop();
    await this.rig.stop();
    for (const typha of this.#typhas.values()) await typha.down();
    await this.spaces.remove();
  }

  async startRelay(cluster: string): Promise<void> {
    const typha = this.#typhas.get(cluster)?.address ?? "";
    const splice = ["--typha-upstream", typha, "--typha-listen", "127.0.0.1:0"];
    const { typhaPort } = await this.rig.startRelay(cluster, ...splice);
    this.#ports.set(cluster, typhaPort ?? 0);
  }

  /** The cluster's Felixes begin anew: at its relay, or at its own Typha, without us. */
  async pointFelixes(cluster: string, at: "relay" | "typha"): Promise<void> {
    const typha = Number(this.#typhas.get(cluster)?.address.split(":").at(-1));
    const relay = this.rig.relay(cluster).typhaPort ?? 0;
    this.#ports.set(cluster, at === "relay" ? relay : typha);
    for (const [node, felix] of this.felixes) if (node.startsWith(cluster)) await felix.replace();
    await this.untilSynced(cluster);
  }

  /** The cluster's Felixes have reconnected and are in sync. */
  async untilSynced(cluster: string): Promise<void> {
    const own = [...this.felixes].filter(([node]) => node.startsWith(cluster));
    for (const [node, felix] of own)
      await until(`Felix of ${node} is in sync`, () => felix.isInSync(this.#port(cluster)));
  }

  /** The hub says so of both clusters. */
  async untilInSync(): Promise<void> {
    await until("the hub says in sync", async () => {
      const { edges } = await this.rig
        .call(getStatus, { params: { mesh: MESH } })
        .catch(() => NONE);
      return edges.length === 2 && edges.every(({ connectionStatus }) => connectionStatus === 2);
    });
  }

  /** An RCC of the one that names the other. */
  async ask(cluster: string, remote: string, overlayRoutingMode: Mode): Promise<void> {
    await this.rig.putRcc(cluster, remote, { syncOptions: { overlayRoutingMode } });
  }

  async askBoth(mode: Mode): Promise<void> {
    await this.ask("a", "b", mode);
    await this.ask("b", "a", mode);
  }

  async grant(origin: string, reader: string): Promise<void> {
    await this.rig.call(createGrant, { params: { mesh: MESH }, body: { origin, reader } });
  }

  async revoke(origin: string, reader: string): Promise<void> {
    await this.rig.call(deleteGrant, { params: { mesh: MESH, origin, reader } });
  }

  /** Whether the network between the clusters carries pods' addresses by itself, as a VPC may. */
  async setFlat(isFlat: boolean): Promise<void> {
    const lines = this.#clusters
      .flatMap(({ nodes }) => nodes)
      .flatMap(({ outer, blocks }) =>
        blocks.map((cidr, i) =>
          isFlat ? `route replace ${cidr} via ${outer[i] ?? ""}` : `route del ${cidr}`,
        ),
      );
    await this.spaces.ip(ROUTER, lines);
  }

  /** A node is replaced: another has its name and its pods, under other addresses. */
  async moveNode(cluster: LabCluster, name: string, outer: LabNode["outer"]): Promise<void> {
    const [first, second, ...others] = cluster.nodes;
    const moved = (node: LabNode): LabNode => (node.name === name ? { ...node, outer } : node);
    const nodes = [moved(first), moved(second), ...others.map(moved)] as const;
    const before = first.name === name ? first : second;
    await this.spaces.ip(name, [
      ...before.outer.map((ip, i) => `addr del ${ip}/${SUBNETS[i] ?? 0} dev eth0`),
      ...outer.map((ip, i) => `addr add ${ip}/${SUBNETS[i] ?? 0} dev eth0${nodad(ip)}`),
      ...cluster.routers.map((ip) => `route replace default via ${ip} dev eth0`),
    ]);
    this.#tell({ ...cluster, nodes });
  }

  /** The pod on one node ends; its block, and another pod in its place, are those of `to`. */
  async moveBlock(cluster: LabCluster, to: string, address: string): Promise<void> {
    const { moving } = cluster;
    if (moving === null) throw new Error("no block moves");
    const route = `${address}/32 dev cali0`;
    await this.spaces.ip(to, [`route replace ${route}`]);
    await this.spaces.ip(moving.node, [`route del ${route}`]);
    this.#tell({ ...cluster, moving: { ...moving, node: to } });
  }

  /** Its relay by files, its Felixes by their own Typha. */
  #tell(cluster: LabCluster): void {
    const typha = this.#typhas.get(cluster.name);
    for (const [key, text] of Object.entries(typhaKvs(cluster)))
      if (typha?.kvs.get(key) !== text) typha?.put(key, text);
    writeManifests(this.rig.folder(cluster.name), cluster);
  }

  #port(cluster: string): number {
    return this.#ports.get(cluster) ?? 0;
  }

  pod(node: string): PodProcess {
    const pod = this.pods.get(node);
    if (pod === undefined) throw new Error(`there is no pod on ${node}`);
    return pod;
  }

  felix(node: string): NodeFelix {
    const felix = this.felixes.get(node);
    if (felix === undefined) throw new Error(`there is no node ${node}`);
    return felix;
  }

  /** Why any Felix has ended. */
  get exits(): string[] {
    return [...this.felixes].flatMap(([node, { exits }]) => exits.map((why) => `${node}: ${why}`));
  }

  async #buildNetwork(cluster: LabCluster): Promise<void> {
    const { name, routers, nodes } = cluster;
    const bridge = `br-${name}`;
    await this.spaces.ip(ROUTER, [
      `link add ${bridge} type bridge`,
      ...routers.map((ip, i) => `addr add ${ip}/${SUBNETS[i] ?? 0} dev ${bridge}${nodad(ip)}`),
      `link set ${bridge} up`,
    ]);
    for (const node of nodes) {
      await this.#buildNode(cluster, node, bridge);
      await this.#buildPod(node);
    }
  }

  async #buildNode(
    { routers }: LabCluster,
    { name, outer }: LabNode,
    bridge: string,
  ): Promise<void> {
    await this.spaces.add(name);
    await this.spaces.sysctl(name, FORWARDS);
    const peer = `to-${name}`;
    await this.spaces.ip(ROUTER, [
      `link add ${peer} type veth peer name eth0 netns ${this.spaces.name(name)}`,
      `link set ${peer} master ${bridge} up`,
    ]);
    await this.spaces.ip(name, [
      ...outer.map((ip, i) => `addr add ${ip}/${SUBNETS[i] ?? 0} dev eth0${nodad(ip)}`),
      "link set eth0 up",
      ...routers.map((ip) => `route add default via ${ip} dev eth0`),
    ]);
  }

  async #buildPod({ name, pod }: LabNode): Promise<void> {
    const space = `${name}-pod`;
    await this.spaces.add(space);
    await this.spaces.ip(name, [
      `link add cali0 address ${GATEWAY_MAC} type veth peer name eth0 netns ${this.spaces.name(space)}`,
      "link set cali0 up",
      ...pod.map((ip) => `route add ${ip}/${bits(ip)} dev cali0`),
    ]);
    await this.spaces.ip(space, [
      ...pod.map((ip) => `addr add ${ip}/${bits(ip)} dev eth0${nodad(ip)}`),
      "link set eth0 up",
      ...GATEWAYS.flatMap((ip) => [
        `neigh replace ${ip} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`,
        `route add default via ${ip} dev eth0 onlink`,
      ]),
    ]);
  }
}

export type Mode = "Enabled" | "Disabled";

function bits(ip: string): number {
  return ip.includes(":") ? 128 : 32;
}

/** Addresses of IPv6 are usable at once. */
function nodad(ip: string): string {
  return ip.includes(":") ? " nodad" : "";
}
