/**
 * What the standard asks where two clusters export one Service, in our words: the specs of its
 * conformance suite that need no running pods. [MCS4] [MCS5] [MCS8] [MCS12]
 */
import { isDeepStrictEqual } from "node:util";

import { must, SERVICES, TCP, UDP } from "./mcs-lab.ts";
import type { Check, Import, McsLab } from "./mcs-lab.ts";

const portsAre =
  (...ports: readonly object[]) =>
  (one: Import): boolean =>
    isDeepStrictEqual(one.spec.ports, ports);

export async function checkConflicts(check: Check, lab: McsLab): Promise<void> {
  await check("it lives as long as one of two clusters exports it", () => checkLife(lab));
  await checkPorts(check, lab);
  await check("headless against not: the oldest counts, and both exports say so", async () => {
    await lab.two({ clusterIP: "None", sessionAffinity: "None", sessionAffinityConfig: null });
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "TypeConflict");
      await lab.imported(api, ({ spec }) => spec.type === "ClusterSetIP");
    }
    await lab.clean();
  });
  await check("its addresses are of the families that all exporters have", () =>
    checkFamilies(lab),
  );
  await check("exported labels and annotations: the oldest counts, both say so", async () => {
    const exported = (name: string): object => ({
      exportedLabels: { [name]: "x" },
      exportedAnnotations: { [name]: "x" },
    });
    await lab.two({}, exported("older"), exported("younger"));
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "LabelsConflict,AnnotationsConflict");
      const { metadata } = await lab.imported(api, ({ status }) => status?.clusters?.length === 2);
      for (const { older, younger } of [metadata.labels, metadata.annotations])
        must(older === "x" && younger === undefined, metadata);
    }
    await lab.clean();
  });
}

/** Both clusters can give addresses of both. */
async function checkFamilies(lab: McsLab): Promise<void> {
  const families =
    (...wanted: readonly string[]) =>
    ({ spec }: Import): boolean =>
      isDeepStrictEqual(spec.ipFamilies, wanted) && spec.ips?.length === wanted.length;
  const of = (...ipFamilies: readonly string[]): object => ({
    ipFamilyPolicy: ipFamilies.length === 2 ? "PreferDualStack" : "SingleStack",
    ipFamilies,
  });
  await lab.service(lab.b, of("IPv4"));
  await lab.exports(lab.b);
  for (const api of lab.both) await lab.imported(api, families("IPv4"));
  await lab.b.send("PATCH", `${SERVICES}/hello`, { spec: of("IPv4", "IPv6") });
  const had = new Map<unknown, readonly string[] | undefined>();
  for (const api of lab.both) {
    const { spec } = await lab.imported(api, families("IPv4", "IPv6"));
    had.set(api, spec.ips);
  }
  await lab.service(lab.a, of("IPv6"));
  await lab.exports(lab.a);
  for (const api of lab.both) {
    await lab.condition(api, "Conflict", "True", "IPFamilyConflict");
    await lab.imported(api, families("IPv6"));
  }
  await lab.unexport(lab.a);
  for (const api of lab.both) {
    const { spec } = await lab.imported(api, families("IPv4", "IPv6"));
    must(isDeepStrictEqual(spec.ips, had.get(api)), "its addresses are others");
  }
  await lab.unexport(lab.b);
  await lab.notImported();
  await lab.clean();
}

async function checkLife(lab: McsLab): Promise<void> {
  await lab.two({});
  const uids = new Set<string>();
  for (const api of lab.both) {
    const { metadata } = await lab.imported(api, ({ status }) => status?.clusters?.length === 2);
    uids.add(metadata.uid);
  }
  await lab.unexport(lab.a);
  for (const api of lab.both) {
    const { metadata } = await lab.imported(api, ({ status }) =>
      isDeepStrictEqual(status?.clusters, [{ cluster: "db" }]),
    );
    must(uids.has(metadata.uid), "it was made anew");
  }
  await lab.unexport(lab.b);
  await lab.notImported();
  await lab.clean();
}

async function checkPorts(check: Check, lab: McsLab): Promise<void> {
  const endpoints = async (): Promise<void> => {
    await lab.endpoints(lab.a, "10.10.1.1", "hello-0");
    await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
  };
  await check("ports are united, and the difference is a conflict on both exports", async () => {
    const stcp = { name: "stcp", port: 142, protocol: "SCTP" };
    await lab.two({ ports: [TCP, stcp] });
    await endpoints();
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "PortConflict");
      await lab.imported(api, portsAre(stcp, TCP, UDP));
    }
    await lab.routed("tcp 10.10.1.1 app", "tcp 10.20.1.1 db", "udp 10.10.1.1 app");
    await lab.clean();
  });
  await check("of a port that two have otherwise the oldest counts", async () => {
    await lab.two({ ports: [{ ...TCP, port: 43 }] });
    await endpoints();
    for (const api of lab.both) {
      await lab.condition(api, "Conflict", "True", "PortConflict");
      await lab.imported(api, portsAre(TCP, UDP));
    }
    await lab.routed("tcp 10.10.1.1 app", "udp 10.10.1.1 app");
    await lab.clean();
  });
  await check(
    "a port without a name is united with none: a Service names all of several",
    async () => {
      await lab.service(lab.a, { ports: [{ port: 42, protocol: "TCP" }] });
      await lab.exports(lab.a);
      await lab.service(lab.b);
      await lab.exports(lab.b);
      for (const api of lab.both) {
        await lab.condition(api, "Conflict", "True", "PortConflict");
        await lab.imported(
          api,
          ({ spec, status }) => status?.clusters?.length === 2 && (spec.ips?.length ?? 0) > 0,
        );
      }
      await lab.clean();
    },
  );
}
