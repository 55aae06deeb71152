/**
 * What the standard asks of one cluster's export, in our words: the specs of its conformance suite
 * that need no running pods. [MCS2] [MCS3] [MCS6] [MCS7] [MCS8] [MCS9]
 */
import { isIPv6 } from "node:net";
import { isDeepStrictEqual } from "node:util";

import { must, SERVICES, TCP, UDP } from "./mcs-lab.ts";
import type { Check, Import, McsLab } from "./mcs-lab.ts";

const HEADLESS = { clusterIP: "None", sessionAffinity: "None", sessionAffinityConfig: null };

export async function checkExports(check: Check, lab: McsLab): Promise<void> {
  await check(
    "an exported Service is imported with a clusterset IP, and goes with the export",
    () => checkClusterSetIp(lab),
  );
  await check("a headless one is imported without addresses, and goes with the export", () =>
    checkHeadless(lab),
  );
  await check("a Service that is not exported is not imported", async () => {
    await lab.service(lab.b);
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
    await lab.allHasCome();
    await mustNotBeImported(lab);
    await lab.clean();
  });
  await check("an ExternalName Service is not valid, and not imported", async () => {
    await lab.b.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "hello", namespace: "shop" },
      spec: { type: "ExternalName", externalName: "example.com" },
    });
    await lab.exports(lab.b);
    await lab.condition(lab.b, "Valid", "False", "InvalidServiceType");
    await lab.allHasCome();
    await mustNotBeImported(lab);
    await lab.clean();
  });
  await check("of two clusters that have it only the exporter's endpoints are used", async () => {
    await lab.service(lab.a);
    await lab.endpoints(lab.a, "10.10.1.1", "hello-0");
    await lab.service(lab.b);
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
    await lab.exports(lab.b);
    await lab.routed("tcp 10.20.1.1 db", "udp 10.20.1.1 db");
    await lab.clean();
  });
}

async function checkClusterSetIp(lab: McsLab): Promise<void> {
  await lab.service(lab.b, {
    trafficDistribution: "PreferClose",
    internalTrafficPolicy: "Cluster",
  });
  await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
  await lab.exports(lab.b, { exportedLabels: { tier: "x" }, exportedAnnotations: { note: "y" } });
  await lab.condition(lab.b, "Valid", "True");
  await lab.condition(lab.b, "Ready", "True", "Exported");
  for (const api of lab.both) {
    const { metadata, spec } = await lab.imported(
      api,
      (one) => (one.spec.ips?.length ?? 0) > 0 && one.status?.clusters?.length === 1,
    );
    must(spec.type === "ClusterSetIP", spec);
    const families = spec.ips?.map((ip) => (isIPv6(ip) ? "IPv6" : "IPv4"));
    must(isDeepStrictEqual(families, spec.ipFamilies), spec);
    must(isDeepStrictEqual(spec.ports, [TCP, UDP]), spec);
    must(spec.sessionAffinity === "ClientIP", spec);
    must(isDeepStrictEqual(spec.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10 } }), spec);
    must(spec.internalTrafficPolicy === "Cluster", spec);
    must(spec.trafficDistribution === "PreferClose", spec);
    must(metadata.labels["tier"] === "x" && metadata.labels["own"] === undefined, metadata);
    must(metadata.annotations["note"] === "y", metadata);
  }
  await lab.routed("tcp 10.20.1.1 db", "udp 10.20.1.1 db");
  const managers = (await Promise.all(lab.both.map((api) => lab.slices(api))))
    .flat()
    .map(({ metadata }) => metadata.labels["endpointslice.kubernetes.io/managed-by"]);
  must(
    managers.every((one) => one === "services.catwalk.dev"),
    managers,
  );
  await lab.unexport(lab.b);
  await lab.notImported();
  await lab.routed();
  await lab.clean();
}

async function checkHeadless(lab: McsLab): Promise<void> {
  await lab.service(lab.b, HEADLESS);
  await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
  await lab.exports(lab.b);
  for (const api of lab.both) {
    // The status is written after the spec.
    const isWhole = ({ status }: Import): boolean => status?.endpointSliceObjects === "Present";
    const { spec } = await lab.imported(api, isWhole);
    must(spec.type === "Headless", spec);
    must(spec.ips === undefined, spec);
  }
  await lab.unexport(lab.b);
  await lab.notImported();
  await lab.clean();
}

async function mustNotBeImported(lab: McsLab): Promise<void> {
  for (const api of lab.both) {
    must((await lab.import(api)) === null, "it is imported");
    must((await lab.slices(api)).length === 0, "it has slices");
  }
}
