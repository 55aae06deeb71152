/**
 * Names of multi-cluster services, by CoreDNS that answers from an API server. [MCS6] [MCS7]
 */
import { isDeepStrictEqual } from "node:util";

import { derivedName } from "../../relay/services/mcs/derived-name.ts";
import { startCoreDns } from "./coredns.ts";
import { must, SERVICES, TCP } from "./mcs-lab.ts";
import type { Check, McsLab } from "./mcs-lab.ts";

export async function checkNames(check: Check, lab: McsLab): Promise<void> {
  const name = "hello.shop.svc.clusterset.local";
  await check("CoreDNS resolves the clusterset name to the import's addresses", async () => {
    lab.dns = await startCoreDns(lab.kubes[0]?.kubeconfig ?? "");
    await lab.service(lab.b);
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
    await lab.exports(lab.b);
    const { spec } = await lab.imported(lab.a, (one) => (one.spec.ips?.length ?? 0) > 0);
    await lab.resolves(name, ...(spec.ips ?? []));
    const srv = (await lab.dns?.services(`_tcp._tcp.${name}`)) ?? [];
    must(isDeepStrictEqual(srv, [`${name}:42`]), srv);
    // The Service that it is routed by has those addresses too.
    await lab.resolves(
      `${derivedName("shop", "hello")}.shop.svc.cluster.local`,
      ...(spec.ips ?? []),
    );
    await lab.resolves("hello.shop.svc.cluster.local");
    await lab.clean();
    await lab.resolves(name);
  });
  await check("a Service that is not exported has no clusterset name", async () => {
    await lab.service(lab.a);
    await lab.endpoints(lab.a, "10.10.1.1", "hello-0");
    await lab.allHasCome();
    const { spec } = await lab.imported(lab.a, (one) => one.spec.ips !== undefined, "after");
    await lab.resolves(name.replace("hello", "after"), ...(spec.ips ?? []));
    const found = (await lab.dns?.addresses(name)) ?? [];
    must(found.length === 0, found);
    await lab.clean();
  });
  await check(
    "headless: the name gives the pods, each has its own by hostname and cluster",
    async () => {
      const headless = { clusterIP: "None", sessionAffinity: "None", sessionAffinityConfig: null };
      for (const [api, ip] of [
        [lab.a, "10.10.1.1"],
        [lab.b, "10.20.1.1"],
      ] as const) {
        await lab.service(api, headless);
        await lab.endpoints(api, ip, "hello-0");
        await lab.exports(api);
      }
      await lab.resolves(name, "10.10.1.1", "10.20.1.1");
      await lab.resolves(`hello-0.db.${name}`, "10.20.1.1");
      await lab.resolves(`hello-0.app.${name}`, "10.10.1.1");
      const srv = (await lab.dns?.services(`_tcp._tcp.${name}`)) ?? [];
      must(isDeepStrictEqual(srv, [`hello-0.app.${name}:42`, `hello-0.db.${name}:42`]), srv);
      await lab.clean();
    },
  );
  await check("a headless Service filled by annotation has the names of remote pods", async () => {
    await lab.service(lab.b);
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
    await lab.a.send("POST", SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: "near",
        namespace: "shop",
        annotations: { "federation.tigera.io/serviceSelector": "own == 'x'" },
      },
      spec: { clusterIP: "None", ports: [TCP] },
    });
    await lab.resolves("near.shop.svc.cluster.local", "10.20.1.1");
    await lab.resolves("hello-0.near.shop.svc.cluster.local", "10.20.1.1");
    await lab.a.send("DELETE", `${SERVICES}/near`);
    await lab.clean();
    await lab.resolves("near.shop.svc.cluster.local");
  });
}
