/** The holder of a Lease tells for its cluster, also while the API server is away. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { tellWebhooks } from "../../../cli/commands/relay-writers.ts";
import { newLogger } from "../../../relay/lib/log.ts";
import { DirectRig, until } from "../../support/direct-rig.ts";

interface Lease {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string };
}

/** An API server that has one Lease; `null`: it answers nothing but 503. */
async function leaseServer(first: Lease) {
  const state: { lease: Lease | null; version: number } = { lease: first, version: 1 };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      if (state.lease !== null && request.method === "PUT")
        state.lease = {
          ...(JSON.parse(body) as Lease),
          metadata: { resourceVersion: String(++state.version) },
        };
      response.writeHead(state.lease === null ? 503 : 200).end(JSON.stringify(state.lease));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("[DIR21] one that another's Lease keeps from telling stands by, takes it over, and keeps it", async () => {
  const rig = new DirectRig();
  onTestFinished(() => rig.end());
  const spec = { holderIdentity: "other", leaseDurationSeconds: 3_600 };
  const { state, url } = await leaseServer({ metadata: { resourceVersion: "1" }, spec });
  const kubeconfig = join(rig.dir, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: url } }],
      users: [{ name: "u", user: {} }],
    }),
  );
  const webhooks = join(rig.dir, "webhooks.yaml");
  const alerts = { name: "am", url: "http://127.0.0.1:9/", format: "alertmanager" };
  writeFileSync(webhooks, JSON.stringify({ cluster: "app", webhooks: [alerts] }));
  let asked = "";
  await rig.start({
    beforeStart: (relay) => {
      const lease = { kubeconfig, webhooksLease: "catwalk/webhooks" };
      const config = { ...relay.config, ...lease, webhooks, allowPrivateWebhooks: true };
      const log = newLogger("test", "silent");
      log.warn = (fields: object) => void (asked = JSON.stringify(fields));
      tellWebhooks(relay, config, log);
    },
  });
  const isTeller = () => rig.relay.status().direct?.told?.isTeller;
  expect(isTeller()).toBe(false);
  state.lease = { metadata: { resourceVersion: "2" }, spec: { ...spec, holderIdentity: "" } };
  await until(() => isTeller() === true);
  state.lease = null;
  // It has asked in vain since, and goes on.
  await until(() => asked.includes("503"));
  expect(isTeller()).toBe(true);
});
