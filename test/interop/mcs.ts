/**
 * The standard's multi-cluster services between two real API servers: half of the API, what the
 * standard asks, names by CoreDNS, rights. [MCS6] [MCS8] [MCS10]
 */
import { join } from "node:path";

import { eventually } from "../support/mesh-rig.ts";
import { asked, audited, rightsOf } from "./audit.ts";
import type { KubeServer } from "./kube-server.ts";
import { checkConflicts } from "./mcs-conflicts.ts";
import { FOLDER, McsLab, must, RIGHTS, SERVICES, SLICES, TCP } from "./mcs-lab.ts";
import { checkNames } from "./mcs-names.ts";
import { checkExports } from "./mcs-specs.ts";
import type { Suite } from "./suite.ts";

/** Asked of OpenShift only, and after another's write came first. */
const SELDOM = [
  "discovery.k8s.io/endpointslices/restricted create",
  "discovery.k8s.io/endpointslices get",
  "multicluster.x-k8s.io/serviceexports get",
  "multicluster.x-k8s.io/serviceimports get",
];

export async function checkMcs(suite: Suite, kubeA: KubeServer, kubeB: KubeServer): Promise<void> {
  const lab = new McsLab(kubeA, kubeB);
  const check = (name: string, body: () => Promise<void>): Promise<void> =>
    suite.check(`multi-cluster services: ${name}`, body);
  try {
    await check("without the CRDs, and with half of them, relays say what is missing", () =>
      checkHalf(lab),
    );
    await checkExports(check, lab);
    await checkConflicts(check, lab);
    await checkNames(check, lab);
    await check("a relay needs each right of deploy/relay/services, and no other", () =>
      checkRights(lab),
    );
  } finally {
    await lab.stop();
  }
}

async function checkHalf(lab: McsLab): Promise<void> {
  const [kubeA, kubeB] = lab.kubes;
  if (kubeA === undefined || kubeB === undefined) throw new Error("two servers");
  lab.crds(kubeB, "serviceexports", "serviceimports");
  lab.crds(kubeA, "serviceexports");
  await lab.start();
  await lab.service(lab.b);
  await lab.exports(lab.b);
  await lab.condition(lab.b, "Valid", "True");
  await lab.imported(lab.b, () => true);
  const shown = async (): Promise<string> =>
    (await lab.rig.catwalk("services", "shop/hello", "--relay", lab.rig.relay("app").url)).out;
  await eventually(shown, (text) => text.includes("NotImported") && text.includes("CRD"));
  lab.crds(kubeA, "serviceimports");
  await lab.rig.killRelay("app");
  await lab.startRelay("app");
  await lab.imported(lab.a, () => true);
  await lab.clean();
}

async function checkRights(lab: McsLab): Promise<void> {
  // An annotation that cannot be read is told by an Event.
  await lab.a.send("POST", SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "bad",
      namespace: "shop",
      annotations: { "federation.tigera.io/serviceSelector": "own = 'x'" },
    },
    spec: { ports: [TCP] },
  });
  // A slice that is there is changed: one that is made and deleted needs less.
  await lab.service(lab.b);
  await lab.endpoints(lab.b, "10.20.1.1", "hello-0");
  await lab.exports(lab.b);
  const slicesOfOurs = async (): Promise<string> => JSON.stringify(await lab.a.send("GET", SLICES));
  await eventually(slicesOfOurs, (text) => text.includes("10.20.1.1"));
  await lab.b.send("PATCH", `${SLICES}/hello-1`, {
    endpoints: [{ addresses: ["10.20.1.1"], hostname: "hello-0", conditions: { ready: false } }],
  });
  const given = RIGHTS.filter((file) => file.startsWith("services/")).flatMap((file) =>
    rightsOf(join(FOLDER, file)),
  );
  const needed = given.filter((right) => !SELDOM.includes(right));
  const unused = (): readonly string[] => {
    const used = new Set(lab.kubes.flatMap(({ folder }) => asked(folder)));
    return needed.filter((right) => !used.has(right));
  };
  await eventually(
    () => Promise.resolve(unused()),
    (rights) => rights.length === 0,
  );
  for (const { folder } of lab.kubes)
    for (const { verb, objectRef, responseStatus } of audited(folder))
      must(responseStatus?.code !== 403, { verb, objectRef });
}
