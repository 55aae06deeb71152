/** The rights of `deploy/relay/crds` are exact: without any one something is told. [CRD3] */
import { ServerReader } from "../../relay/direct/server-reader.ts";
import { LeaseHolder } from "../../relay/kube/lease-holder.ts";
import { KubeTransport } from "../../relay/kube/transport.ts";
import { ResourceWriter } from "../../relay/resources/resource-writer.ts";
import { eventually } from "../support/mesh-rig.ts";
import { lesserRoles } from "./deploy.ts";
import type { Role, Rule } from "./deploy.ts";
import { KubeClient } from "./kube-client.ts";
import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const NAME = "catwalk-relay-custom-resources";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const PATHS = [`${RBAC}/clusterroles/${NAME}`, `${RBAC}/namespaces/catwalk/roles/${NAME}`] as const;
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/catwalk/leases/catwalk-custom-resources";
const ALL = "/apis/catwalk.dev/v1/";

/** A writer of a hub that refuses everything, so that each status is written. */
async function withWriter<T>(
  kubeconfig: string,
  work: (problems: () => string, isDone: () => boolean) => Promise<T>,
): Promise<T> {
  const transport = new KubeTransport({
    kubeconfig,
    env: {},
    requestIdleMs: 30_000,
    watchIdleMs: 150_000,
  });
  const clock = { now: () => performance.now(), wallMs: () => Date.now() };
  const lease = new LeaseHolder({
    transport,
    namespace: "catwalk",
    name: "catwalk-custom-resources",
    identity: "rights",
    ...clock,
    onChange: (isHeld) => writer.onLease(isHeld),
    onProblem: (message) => writer.onLeaseProblem(message),
  });
  const silent = { warn: () => undefined, info: () => undefined };
  const refusal = { ok: false, status: 422, code: "unknown-remote", detail: `at ${Date.now()}` };
  const writer = new ResourceWriter({
    transport,
    lease,
    log: silent as never,
    askHub: (_, body) => {
      const { writes } = body as { readonly writes: readonly unknown[] };
      const state = { cluster: { uid: "a", name: "app" }, rccs: [], grants: [] };
      const results = writes.map(() => ({ ...refusal, detail: `at ${Date.now()}` }));
      return Promise.resolve({ status: 200, body: { ...state, results } });
    },
    reports: () => [],
    directs: () => [],
    ...clock,
  });
  const after = (ms: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
  const server = new ServerReader(transport, { after }, () => undefined);
  writer.start();
  server.start();
  try {
    return await work(
      () => [...writer.status().problems, server.problem ?? ""].join("\n").trim(),
      () => writer.status().statusWrites >= 2,
    );
  } finally {
    server.stop();
    await writer.stop();
  }
}

export async function checkRights(
  suite: Suite,
  kube: KubeServer,
  kubeconfig: string,
): Promise<void> {
  const api = new KubeClient(kube.kubeconfig);
  const reset = async (): Promise<void> => {
    await api.send("DELETE", LEASE).catch(() => undefined);
    for (const [plural, kind, spec] of [
      ["remoteclusterconfigurations", "RemoteClusterConfiguration", {}],
      ["remoteclustergrants", "RemoteClusterGrant", { cluster: "x" }],
    ] as const) {
      await api.send("DELETE", `${ALL}${plural}/x`).catch(() => undefined);
      const object = { apiVersion: "catwalk.dev/v1", kind, metadata: { name: "x" }, spec };
      await api.send("POST", `${ALL}${plural}`, object);
    }
  };
  try {
    for (const path of PATHS)
      await suite.check(`[CRD3] without any one right of ${path} a line says so`, async () => {
        const role = (await api.send("GET", path)) as Role;
        const setRules = (rules: readonly Rule[]): Promise<unknown> =>
          api.send("PATCH", path, { metadata: { name: NAME }, rules });
        for (const [what, { rules }] of lesserRoles(role)) {
          await reset();
          await setRules(rules);
          // The Lease is made, then kept; a watch begins when the list is there.
          await withWriter(kubeconfig, (problems) =>
            eventually(
              () => Promise.resolve(problems()),
              (text) => /403/.test(text) && text.includes("deploy/relay/crds/rbac.yaml"),
            ),
          ).catch((error: unknown) => {
            throw new Error(`without ${what}: ${(error as Error).message}`, { cause: error });
          });
          await setRules(role.rules);
          await reset();
          await withWriter(kubeconfig, (problems, isDone) =>
            eventually(
              // What the hub refuses is among the problems: no right is.
              () => Promise.resolve(isDone() && !problems().includes("rbac.yaml")),
              (isWell) => isWell,
            ),
          );
        }
      });
  } finally {
    api.close();
  }
}
