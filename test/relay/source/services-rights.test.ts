import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { WriteLoop } from "../../../relay/services/write-loop.ts";
import { ClusterServices } from "../../../relay/cluster-services.ts";
import type { ServicesHost } from "../../../relay/cluster-services.ts";
import { NODE_PORTS } from "../../../relay/hub/relay-ports.ts";
import { KubernetesSource } from "../../../relay/source/kubernetes/kubernetes-source.ts";
import { eventually } from "../../support/mesh-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "catwalk-rights-"));
const asked: string[] = [];
let server: Server | null = null;

afterAll(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true });
});

test("[SVC3] [SVC42] Services are followed when they are asked for; without the right to, all else goes on", async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://api");
    asked.push(pathname);
    if (searchParams.has("watch")) return;
    const isForbidden = pathname.endsWith("/services");
    const list = { metadata: { resourceVersion: "1" }, items: [], groups: [] };
    response.writeHead(isForbidden ? 403 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(isForbidden ? { code: 403, message: "forbidden" } : list));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, "config.yaml");
  writeFileSync(
    kubeconfig,
    `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "http://127.0.0.1:${port}" } }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
users: [{ name: u, user: {} }]
current-context: c
`,
  );
  const source = new KubernetesSource({ kubeconfig, env: {} });
  let [isListed, areServicesListed] = [false, false];
  const nothing = (): void => undefined;
  source.start({
    apply: nothing,
    listed: () => (isListed = true),
    servicesListed: () => (areServicesListed = true),
    problem: nothing,
    solved: nothing,
  });
  await eventually(
    () => Promise.resolve(isListed),
    (listed) => listed,
  );
  expect(asked.filter((path) => /services|endpointslices/.test(path))).toEqual([]);
  source.followServices();
  await eventually(
    () => Promise.resolve(source.servicesHealth().collections),
    (collections) =>
      collections.some(({ state, reason }) => state === "failing" && /403/.test(reason)),
  );
  const remotes = { lostMs: () => null, subscribe: () => () => undefined };
  const own = { subscribe: () => () => undefined };
  const host = { source, own, remotes, config: {}, clusterName: "a" } as unknown as ServicesHost;
  const live = { access: { facts: null, isHeard: false }, publisher: () => null };
  const services = new ClusterServices(host, NODE_PORTS, live);
  expect(services.unread()).toEqual([
    { name: "services", reason: expect.stringContaining("403") as string },
  ]);
  // Where it writes nothing, others say what is unread.
  expect(services.writing()).toBe(null);
  const lease = { isHeld: false, holder: "", problem: "the Lease x: 403: forbidden" };
  services.loop = new WriteLoop({
    lease: { ...lease, start: nothing, stop: () => Promise.resolve() },
    log: { warn: nothing },
    now: () => 0,
  });
  expect(services.writing()).toEqual({
    isWriter: false,
    holder: "",
    problems: [
      "nobody writes EndpointSlices: the Lease x: 403: forbidden",
      expect.stringMatching(/^services cannot be read: .*403/),
    ],
  });
  expect(areServicesListed).toBe(false);
  expect(source.health().collections.map(({ state }) => state)).not.toContain("failing");
  await source.stop();
});
