/**
 * The life of a federated Service between two real API servers, with their endpointslice and
 * mirroring controllers: filled, followed, a writer killed between two writes, the hub and the
 * source away, a bad selector, Endpoints in the way, revocation. [SVC10] [SVC11] [SVC23] [SVC24]
 * [SVC26] [SVC30]
 */
import { isDeepStrictEqual } from "node:util";

import { eventually } from "../support/mesh-rig.ts";
import { FederatedLab, SELECTOR, SERVICES, SLICES } from "./federated-lab.ts";
import type { KubeServer } from "./kube-server.ts";
import { checkProxy } from "./services-proxy.ts";
import type { Suite } from "./suite.ts";

/** Changes whose way is measured. */
const MEASURED = 20;

function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

export async function checkServices(
  suite: Suite,
  kubeA: KubeServer,
  kubeB: KubeServer,
): Promise<void> {
  const lab = new FederatedLab(kubeA, kubeB);
  try {
    await checkLife(suite, lab);
    await checkProxy(suite, lab);
    await checkFailures(suite, lab);
    await checkSourceAway(suite, lab);
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

async function checkSourceAway(suite: Suite, lab: FederatedLab): Promise<void> {
  await suite.check(
    "B's relay away: what it gave stays, and what has changed comes with it",
    async () => {
      await lab.rig.killRelay("db");
      await lab.slice(lab.b, "PUT", "bulk", ["10.20.2.2"]);
      await lab.slice(lab.a, "PUT", "own", ["10.10.1.3"]);
      await lab.until("app 10.10.1.3", "db 10.20.1.1", "db 10.20.2.1");
      await lab.startSource();
      await lab.until("app 10.10.1.3", "db 10.20.1.1", "db 10.20.2.2");
      await lab.slice(lab.a, "PUT", "own", ["10.10.1.2"]);
      await lab.slice(lab.b, "PUT", "bulk", ["10.20.2.1"]);
      await lab.until("app 10.10.1.2", "db 10.20.1.1", "db 10.20.2.1");
    },
  );
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
