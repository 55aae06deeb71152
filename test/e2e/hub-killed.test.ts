import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();
const KILLS = 4;

beforeAll(async () => {
  await rig.startDemo();
});

afterAll(() => rig.stop());

function writePods(count: number): string[] {
  const ips = Array.from({ length: count }, (_, n) => `10.20.7.${n + 1}`);
  const documents = ips.map(
    (ip, n) => `apiVersion: v1
kind: Pod
metadata: { name: killed-${n}, namespace: shop, labels: { role: killed } }
spec: { nodeName: node-2, serviceAccountName: default, containers: [{ name: m, image: i }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }] }
`,
  );
  writeFileSync(join(rig.folder("db"), "killed.yaml"), documents.join("---\n"));
  return ips;
}

test("[LOG11] the hub's process is killed again and again while pods come: every pod arrives, none that is there ever leaves", async () => {
  let seen: string[] = [];
  for (let kill = 1; kill <= KILLS; kill++) {
    await eventually(
      () => fetch(new URL("/healthz", rig.hubUrl)),
      (response) => response.ok,
    );
    const ips = writePods(kill * 10);
    // At another moment of the way each time: before, during and after the publishing.
    await new Promise((resolve) => setTimeout(resolve, 60 + 17 * kill));
    rig.killWorkerd();
    // Fail-static: what was served before the kill is served after it.
    expect(await rig.served("app", "db")).toEqual(expect.arrayContaining(seen));
    seen = await eventually(
      () => rig.served("app", "db"),
      (served) => ips.every((ip) => served.includes(ip)),
    );
  }
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  expect(seen.filter((ip) => ip.startsWith("10.20.7."))).toHaveLength(KILLS * 10);
});
