/**
 * Seeded changes of a cluster, and the log of what they add up to, as key/values. The log is
 * written from what was asked of the server, not from what it answered, and knows nothing of the
 * relay's conversion.
 */
import type { KubeClient } from "./kube-client.ts";
import type { Group } from "./source-golden.ts";

const NAMESPACES = ["churn-a", "churn-b", "churn-c"];
const NODES = ["churn-node-0", "churn-node-1", "churn-node-2", "churn-node-3"];
/** Changes that are under way at once, each of another object. */
const WIDTH = 8;

interface ModelPod {
  readonly namespace: string;
  readonly name: string;
  node: string;
  labels: Record<string, string>;
  ip: string | null;
  isFinished: boolean;
}

/** mulberry32: small, seeded, good enough to choose operations. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class Churn {
  readonly #client: KubeClient;
  readonly #group: Group;
  readonly #random: () => number;
  readonly #pods = new Map<string, ModelPod>();
  readonly #namespaces = new Map(NAMESPACES.map((name) => [name, {} as Record<string, string>]));
  readonly #nodes = new Map(NODES.map((name) => [name, ""]));
  readonly #blocks = new Map<string, { node: string; borrower: string }>();
  readonly #madeBlocks = new Set<string>();
  readonly #remadeBlocks = new Set<string>();
  #made = 0;
  operations = 0;

  constructor(client: KubeClient, group: Group, seed: number) {
    this.#client = client;
    this.#group = group;
    this.#random = seeded(seed);
  }

  async setUp(): Promise<void> {
    for (const name of NODES)
      await this.#client.send("POST", "/api/v1/nodes", { metadata: { name } });
    for (const name of NAMESPACES) {
      await this.#client.send("POST", "/api/v1/namespaces", { metadata: { name } });
      // The controller may be first; both are right.
      const path = `/api/v1/namespaces/${name}/serviceaccounts`;
      await this.#client
        .send("POST", path, { metadata: { name: "default" } })
        .catch((error: Error) => {
          if (!error.message.includes(" 409 ")) throw error;
        });
    }
  }

  /** A block that was deleted and made again, by chance perhaps as it had been. */
  isRemade(key: string): boolean {
    return [...this.#remadeBlocks].some((cidr) => key.endsWith(cidr.replace("/", "-")));
  }

  /** Runs operations in rounds of different objects, so that the log's order is the server's. */
  async run(count: number): Promise<void> {
    const until = this.operations + count;
    while (this.operations < until) {
      const touched = new Set<string>();
      const round: Promise<void>[] = [];
      while (round.length < WIDTH) round.push(this.#one(touched));
      await Promise.all(round);
    }
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }

  async #one(touched: Set<string>): Promise<void> {
    const dice = this.#random();
    this.operations++;
    const claim = (id: string): boolean => !touched.has(id) && touched.add(id).has(id);
    if (dice < 0.03) return await this.#relabelNamespace(this.#pick(NAMESPACES), claim);
    if (dice < 0.06) return await this.#annotateNode(this.#pick(NODES), claim);
    if (dice < 0.12) return await this.#changeBlock(Math.floor(this.#random() * 64), claim);
    const pods = [...this.#pods.values()];
    if (dice < 0.35 || pods.length < 20) return await this.#createPod(claim);
    const pod = this.#pick(pods);
    if (!claim(podPath(pod))) return await this.#createPod(claim);
    if (dice < 0.6) return await this.#setIp(pod);
    if (dice < 0.75) return await this.#relabelPod(pod);
    if (dice < 0.82) return await this.#finishPod(pod);
    return await this.#deletePod(pod, dice > 0.94, claim);
  }

  async #createPod(claim: (id: string) => boolean, again?: ModelPod): Promise<void> {
    const pod: ModelPod = again ?? {
      namespace: this.#pick(NAMESPACES),
      name: `p${this.#made++}`,
      node: "",
      labels: {},
      ip: null,
      isFinished: false,
    };
    Object.assign(pod, {
      node: this.#pick(NODES),
      labels: { n: String(this.#made) },
      ip: null,
      isFinished: false,
    });
    // Nobody else may choose it while it is being made.
    claim(podPath(pod));
    this.#pods.set(podPath(pod), pod);
    await this.#client.send("POST", `/api/v1/namespaces/${pod.namespace}/pods`, {
      metadata: { name: pod.name, labels: pod.labels },
      spec: {
        nodeName: pod.node,
        automountServiceAccountToken: false,
        containers: [{ name: "c", image: "c", ports: [{ name: "http", containerPort: 80 }] }],
      },
    });
  }

  async #setIp(pod: ModelPod): Promise<void> {
    const ip = `10.${100 + Math.floor(this.#random() * 8)}.${Math.floor(this.#random() * 256)}.${Math.floor(this.#random() * 256)}`;
    Object.assign(pod, { ip, isFinished: false });
    await this.#status(pod, { phase: "Running", podIP: ip, podIPs: [{ ip }] });
  }

  async #finishPod(pod: ModelPod): Promise<void> {
    pod.isFinished = true;
    await this.#status(pod, { phase: "Succeeded" });
  }

  async #status(pod: ModelPod, status: unknown): Promise<void> {
    await this.#client.send("PATCH", `${podPath(pod)}/status`, { status });
  }

  async #relabelPod(pod: ModelPod): Promise<void> {
    const [key, value] = [this.#pick(["role", "v", "example.com/x"]), String(this.operations)];
    const remove = pod.labels[key] !== undefined && this.#random() < 0.4;
    if (remove) delete pod.labels[key];
    else pod.labels[key] = value;
    await this.#client.send("PATCH", podPath(pod), {
      metadata: { labels: { [key]: remove ? null : value } },
    });
  }

  async #deletePod(pod: ModelPod, isMoved: boolean, claim: (id: string) => boolean): Promise<void> {
    this.#pods.delete(podPath(pod));
    await this.#client.send("DELETE", `${podPath(pod)}?gracePeriodSeconds=0`);
    // As a StatefulSet does: the same name, on another node.
    if (isMoved) await this.#createPod(claim, pod);
  }

  async #relabelNamespace(name: string, claim: (id: string) => boolean): Promise<void> {
    if (!claim(name)) return;
    const labels = { env: String(this.operations) };
    this.#namespaces.set(name, labels);
    await this.#client.send("PATCH", `/api/v1/namespaces/${name}`, { metadata: { labels } });
  }

  async #annotateNode(name: string, claim: (id: string) => boolean): Promise<void> {
    if (!claim(name)) return;
    const address = `10.99.${this.operations >> 8}.${this.operations & 255}`;
    this.#nodes.set(name, address);
    const annotations = { "projectcalico.org/IPv4VXLANTunnelAddr": address };
    await this.#client.send("PATCH", `/api/v1/nodes/${name}`, {
      metadata: { annotations, labels: { seen: String(this.operations) } },
    });
  }

  async #changeBlock(index: number, claim: (id: string) => boolean): Promise<void> {
    const cidr = `10.100.${index}.0/26`;
    if (!claim(cidr)) return;
    const name = `10-100-${index}-0-26`;
    const path = `/apis/${this.#group}/ipamblocks`;
    const known = this.#blocks.get(cidr);
    if (known !== undefined && this.#random() < 0.3) {
      this.#blocks.delete(cidr);
      await this.#client.send("DELETE", `${path}/${name}`);
      return;
    }
    if (known === undefined && this.#madeBlocks.has(cidr)) this.#remadeBlocks.add(cidr);
    this.#madeBlocks.add(cidr);
    const block = { node: this.#pick(NODES), borrower: this.#pick(NODES) };
    this.#blocks.set(cidr, block);
    const spec = {
      cidr,
      affinity: `host:${block.node}`,
      allocations: [null, 0],
      attributes: [{ secondary: { node: block.borrower } }],
    };
    // `null` in a list survives only whole objects, so no merge patch of the list alone.
    if (known === undefined)
      await this.#client.send("POST", path, {
        apiVersion: this.#group,
        kind: "IPAMBlock",
        metadata: { name },
        spec,
      });
    else await this.#client.send("PATCH", `${path}/${name}`, { spec });
  }

  /** What the log says that a source must give, beside what was there before. */
  expected(before: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
    const expected = new Map(before);
    for (const pod of this.#pods.values()) {
      if (pod.ip === null || pod.isFinished) continue;
      expected.set(
        `/calico/v1/host/${pod.node}/workload/k8s/${pod.namespace}%2f${pod.name}/endpoint/eth0`,
        {
          ipv4_nets: [`${pod.ip}/32`],
          ipv6_nets: null,
          labels: {
            ...pod.labels,
            "projectcalico.org/namespace": pod.namespace,
            "projectcalico.org/orchestrator": "k8s",
            "projectcalico.org/serviceaccount": "default",
          },
          profile_ids: [`kns.${pod.namespace}`, `ksa.${pod.namespace}.default`],
          ports: [{ name: "http", protocol: "tcp", port: 80 }],
        },
      );
    }
    const v3 = { apiVersion: "projectcalico.org/v3" };
    const profile = (name: string, labelsToApply: unknown): void => {
      const key = `/calico/resources/v3/projectcalico.org/profiles/${name}`;
      expected.set(key, { ...v3, kind: "Profile", metadata: { name }, spec: { labelsToApply } });
    };
    for (const [name, labels] of this.#namespaces) {
      const own = Object.entries(labels).map(([key, value]) => [`pcns.${key}`, value]);
      profile(`kns.${name}`, {
        ...Object.fromEntries(own),
        "pcns.kubernetes.io/metadata.name": name,
        "pcns.projectcalico.org/name": name,
      });
      profile(`ksa.${name}.default`, { "pcsa.projectcalico.org/name": "default" });
    }
    for (const [name, address] of this.#nodes) {
      const spec = address === "" ? {} : { ipv4VXLANTunnelAddr: address };
      const key = `/calico/resources/v3/projectcalico.org/nodes/${name}`;
      expected.set(key, { ...v3, kind: "Node", metadata: { name }, spec, status: {} });
      if (address !== "")
        expected.set(`/calico/v1/host/${name}/config/IPv4VXLANTunnelAddr`, address);
    }
    for (const [cidr, { node, borrower }] of this.#blocks) {
      const isBorrowed = node !== borrower;
      expected.set(`/calico/ipam/v2/assignment/ipv4/block/${cidr.replace("/", "-")}`, {
        cidr,
        affinity: `host:${node}`,
        allocations: isBorrowed ? [null, 0] : [],
        attributes: isBorrowed ? [{ secondary: { node: borrower } }] : [],
      });
    }
    return expected;
  }
}

function podPath({ namespace, name }: ModelPod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}
