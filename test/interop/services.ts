/**
 * The life of a federated Service between two real API servers, with their endpointslice and
 * mirroring controllers: filled, followed, a writer killed between two writes, the hub away, a bad
 * selector, Endpoints in the way, revocation. [SVC10] [SVC11] [SVC23] [SVC24] [SVC26] [SVC30]
 */
import { isDeepStrictEqual } from "node:util";

import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
const SERVICES = "/api/v1/namespaces/shop/services";
const SELECTOR = "federation.tigera.io/serviceSelector";
/** Changes whose way is measured. */
const MEASURED = 20;

interface Slice {
  readonly metadata: {
    readonly name: string;
    readonly generation: number;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly conditions: { readonly ready: boolean };
    readonly nodeName?: string;
    readonly targetRef?: { readonly name: string };
  }[];
}

function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

class FederatedLab {
  readonly rig = new MeshRig();
  readonly a: KubeClient;
  readonly b: KubeClient;
  readonly #kubeA: KubeServer;
  readonly #kubeB: KubeServer;

  constructor(kubeA: KubeServer, kubeB: KubeServer) {
    this.#kubeA = kubeA;
    this.#kubeB = kubeB;
    this.a = new KubeClient(kubeA.kubeconfig);
    this.b = new KubeClient(kubeB.kubeconfig);
  }

  async start(): Promise<void> {
    await this.rig.startHub();
    await this.rig.createDemo({ app: ["10.10.0.0/16"], db: ["10.20.0.0/16"] });
    for (const api of [this.a, this.b])
      await api.send("POST", "/api/v1/namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "shop" },
      });
    // Kubernetes' own controller leaves out pods of nodes that it does not know.
    await this.b.send("POST", "/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-b1" },
    });
    const from = ["--source", "kubernetes", "--kubeconfig"];
    await this.rig.startRelay("db", ...from, this.#kubeB.kubeconfig);
    await this.startWriter();
    const kinds = "WorkloadEndpoint,IPPool,Node,Service";
    await this.rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", "--kind", kinds);
  }

  async startWriter(): Promise<void> {
    const from = ["--source", "kubernetes", "--kubeconfig", this.#kubeA.kubeconfig];
    const lease = ["--services", "--services-lease", "default/catwalk-services"];
    await this.rig.startRelay("app", ...from, ...lease);
  }

  async stop(): Promise<void> {
    this.a.close();
    this.b.close();
    await this.rig.stop();
  }

  async slices(): Promise<readonly Slice[]> {
    const selector = encodeURIComponent(
      "endpointslice.kubernetes.io/managed-by=services.catwalk.dev",
    );
    const list = (await this.a.send("GET", `${SLICES}?labelSelector=${selector}`)) as {
      readonly items: readonly Slice[];
    };
    return list.items;
  }

  /** Writes of the slices that are there, which the server counts. */
  async generations(): Promise<number> {
    return (await this.slices()).reduce((sum, { metadata }) => sum + metadata.generation, 0);
  }

  /** `cluster ip` of what is in A's slices, `-` before what is not ready. */
  async filled(): Promise<string[]> {
    return (await this.slices())
      .flatMap(({ metadata, endpoints }) =>
        (endpoints ?? []).map(
          ({ addresses, conditions }) =>
            `${conditions.ready ? "" : "-"}${metadata.labels["multicluster.kubernetes.io/source-cluster"]} ${addresses[0]}`,
        ),
      )
      .toSorted();
  }

  async until(...wanted: readonly string[]): Promise<void> {
    await eventually(
      () => this.filled(),
      (now) => isDeepStrictEqual(now, wanted.toSorted()),
    );
  }

  async service(
    api: KubeClient,
    name: string,
    metadata: object,
    spec: object = {},
  ): Promise<unknown> {
    return api.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop", ...metadata },
      spec: { ports: [{ name: "sql", port: 5432, protocol: "TCP" }], ...spec },
    });
  }

  async annotate(selector: string): Promise<void> {
    await this.a.send("PATCH", `${SERVICES}/db`, {
      metadata: { annotations: { [SELECTOR]: selector } },
    });
  }

  /** A slice that nobody's controller keeps, of one Service. */
  async slice(
    api: KubeClient,
    method: "POST" | "PUT",
    service: string,
    ips: readonly string[],
  ): Promise<void> {
    const name = `${service}-by-hand`;
    await api.send(method, method === "POST" ? SLICES : `${SLICES}/${name}`, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name,
        namespace: "shop",
        labels: { "kubernetes.io/service-name": service },
      },
      addressType: "IPv4",
      ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
      endpoints: ips.map((ip) => ({ addresses: [ip] })),
    });
  }

  /** A pod of B that Kubernetes' own controller puts behind Services. */
  async pod(name: string, ip: string): Promise<void> {
    await this.b.send("POST", "/api/v1/namespaces/shop/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "shop", labels: { app: "pg" } },
      spec: { nodeName: "node-b1", containers: [{ name: "pg", image: "example/pg" }] },
    });
    await this.ready(name, ip, true);
  }

  async ready(name: string, ip: string, isReady: boolean): Promise<void> {
    const at = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const status = isReady ? "True" : "False";
    await this.b.send("PATCH", `/api/v1/namespaces/shop/pods/${name}/status`, {
      status: {
        phase: "Running",
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: "Ready", status, lastTransitionTime: at }],
      },
    });
  }

  /** When B's own controller had written, and when A's slice had it, in ms since the change. */
  async measure(isReady: boolean): Promise<readonly [source: number, whole: number]> {
    const began = performance.now();
    await this.ready("pg-0", "10.20.1.1", isReady);
    let source = 0;
    for (;;) {
      if (source === 0) {
        const list = (await this.b.send("GET", SLICES)) as { readonly items: readonly Slice[] };
        const mine = list.items.flatMap(({ endpoints }) => endpoints ?? []);
        const one = mine.find(({ addresses }) => addresses[0] === "10.20.1.1");
        if (one?.conditions.ready === isReady) source = performance.now() - began;
      }
      const wanted = `${isReady ? "" : "-"}db 10.20.1.1`;
      if ((await this.filled()).includes(wanted)) {
        const whole = performance.now() - began;
        return [source === 0 ? whole : source, whole];
      }
    }
  }
}

export async function checkServices(
  suite: Suite,
  kubeA: KubeServer,
  kubeB: KubeServer,
): Promise<void> {
  const lab = new FederatedLab(kubeA, kubeB);
  try {
    await checkLife(suite, lab);
    await checkFailures(suite, lab);
    await checkEnds(suite, lab);
  } finally {
    await lab.stop();
  }
}

async function checkLife(suite: Suite, lab: FederatedLab): Promise<void> {
  await suite.check("a federated Service is filled from another cluster's pods", async () => {
    await lab.start();
    await lab.service(lab.b, "pg", { labels: { app: "db" } }, { selector: { app: "pg" } });
    await lab.pod("pg-0", "10.20.1.1");
    await lab.service(lab.a, "db", { annotations: { [SELECTOR]: "app == 'db'" } });
    await lab.until("db 10.20.1.1");
    const [slice] = await lab.slices();
    const [endpoint] = slice?.endpoints ?? [];
    must(endpoint?.targetRef?.name === "db/pg-0", JSON.stringify(slice));
    must(endpoint?.nodeName === undefined, "a remote endpoint has a nodeName");
    must(
      slice?.metadata.annotations?.["endpoints.kubernetes.io/last-change-trigger-time"] !==
        undefined,
      "no time of the last change",
    );
  });
  await suite.check("it follows B's pods, and writes nothing while nothing changes", async () => {
    const ways: (readonly [number, number])[] = [];
    for (let i = 0; i < MEASURED; i++) {
      ways.push(await lab.measure(i % 2 === 1));
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    const ours = ways.map(([source, whole]) => whole - source).toSorted((x, y) => x - y);
    const p50 = ours[Math.floor(MEASURED / 2)] ?? 0;
    process.stdout.write(
      `     B's slice → A's slice: p50 ${p50.toFixed(0)} ms, worst of ${MEASURED} ${(ours.at(-1) ?? 0).toFixed(0)} ms\n`,
    );
    // The server counts what is written: what changes nothing here, and then one endpoint.
    const before = await lab.generations();
    await lab.b.send("PATCH", `${SERVICES}/pg`, { metadata: { labels: { more: "labels" } } });
    await lab.slice(lab.b, "POST", "pg", ["10.20.1.2"]);
    await lab.until("db 10.20.1.1", "db 10.20.1.2");
    const after = await lab.generations();
    must(after === before + 1, `${after - before} writes where one was due`);
    await lab.b.send("DELETE", `${SLICES}/pg-by-hand`);
    await lab.until("db 10.20.1.1");
    must((ours.at(-1) ?? 0) < 5_000, "a change took longer than 5 s");
  });
  await suite.check("local endpoints fill it too", async () => {
    await lab.service(lab.a, "own", { labels: { app: "db" } });
    await lab.slice(lab.a, "POST", "own", ["10.10.1.1"]);
    await lab.until("app 10.10.1.1", "db 10.20.1.1");
  });
}

async function checkFailures(suite: Suite, lab: FederatedLab): Promise<void> {
  const bulk = Array.from(
    { length: 350 },
    (_, i) => `10.20.${2 + Math.floor(i / 200)}.${1 + (i % 200)}`,
  );
  const kept = bulk.slice(0, 320);
  const remote = ["db 10.20.1.1", ...kept.map((ip) => `db ${ip}`)];
  await suite.check(
    "a writer killed between two writes: the next takes it up, and no endpoint is ever missing",
    async () => {
      await lab.service(lab.b, "bulk", { labels: { app: "db" } });
      await lab.slice(lab.b, "POST", "bulk", bulk);
      await eventually(
        () => lab.filled(),
        (now) => now.length > 2,
      );
      await lab.rig.killRelay("app");
      const there = new Set(await lab.filled());
      await lab.slice(lab.b, "PUT", "bulk", kept);
      await lab.startWriter();
      for (const ip of bulk.slice(320)) there.delete(`db ${ip}`);
      const missing = new Set<string>();
      await eventually(
        async () => {
          const now = await lab.filled();
          const seen = new Set(now);
          for (const one of there) if (!seen.has(one)) missing.add(one);
          return now;
        },
        // An endpoint that moves to another slice may be in both for a moment.
        (now) => isDeepStrictEqual(now, ["app 10.10.1.1", ...remote].toSorted()),
      );
      must(missing.size === 0, `endpoints were missing: ${[...missing].join(", ")}`);
    },
  );
  await suite.check("the hub away: what is there stays, and local changes go on", async () => {
    await lab.rig.stopHub();
    await lab.slice(lab.a, "PUT", "own", ["10.10.1.2"]);
    await lab.until("app 10.10.1.2", ...remote);
    await lab.rig.startHub();
    await lab.slice(lab.b, "PUT", "bulk", ["10.20.2.1"]);
    await lab.until("app 10.10.1.2", "db 10.20.1.1", "db 10.20.2.1");
  });
}

async function checkEnds(suite: Suite, lab: FederatedLab): Promise<void> {
  await suite.check("a bad selector empties it, and an Event names the cause", async () => {
    await lab.annotate("app = 'db'");
    await lab.until();
    const events = (await lab.a.send("GET", "/api/v1/namespaces/shop/events")) as {
      readonly items: readonly { readonly reason: string; readonly message: string }[];
    };
    must(
      events.items.some(({ reason, message }) => reason === "BadSelector" && /\d/.test(message)),
      JSON.stringify(events.items),
    );
    await lab.annotate("app == 'db'");
    await lab.until("app 10.10.1.2", "db 10.20.1.1", "db 10.20.2.1");
  });
  await suite.check("Endpoints in the way are named, and end with the command", async () => {
    await lab.service(lab.a, "left", { annotations: { [SELECTOR]: "app == 'db'" } });
    await lab.a.send("DELETE", `${SERVICES}/left`);
    await lab.a.send("POST", "/api/v1/namespaces/shop/endpoints", {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { name: "left", namespace: "shop" },
      subsets: [{ addresses: [{ ip: "10.20.1.1" }], ports: [{ name: "sql", port: 5432 }] }],
    });
    await lab.service(lab.a, "left", { annotations: { [SELECTOR]: "app == 'db'" } });
    const shown = async (): Promise<string> =>
      (await lab.rig.catwalk("services", "shop/left", "--relay", lab.rig.relay("app").url)).out;
    await eventually(shown, (text) => text.includes("ForeignEndpoints"));
    await lab.a.send("PATCH", "/api/v1/namespaces/shop/endpoints/left", {
      metadata: { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    });
    await eventually(shown, (text) => text.includes("Written"));
    await lab.a.send("DELETE", `${SERVICES}/left`);
    await lab.until("app 10.10.1.2", "db 10.20.1.1", "db 10.20.2.1");
  });
  await suite.check("a grant taken away: what came from it leaves, and nothing else", async () => {
    await lab.rig.catwalk("grant", "delete", "--cluster", "db", "--to", "app");
    await lab.until("app 10.10.1.2");
  });
}
