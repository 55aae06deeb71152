/**
 * Interoperability with a real Kubernetes API server and etcd: `node test/interop/run.ts [--seed N]
 * [--operations N]`. Needs Go (to build test/interop/kube), kubectl, bash; about 5 minutes the
 * first time, one afterwards.
 */
import { parseArgs } from "node:util";

import { buildKube, ensureKubectl, startKube } from "./kube-server.ts";
import { checkCustomResources } from "./custom-resources.ts";
import { checkDeploy } from "./deploy.ts";
import { checkDirect } from "./direct.ts";
import { checkFelix } from "./felix.ts";
import { checkHubManifests } from "./hub-manifests.ts";
import { checkKubectlForms } from "./kubectl-forms.ts";
import { checkSpine, checkUp } from "./spine.ts";
import { checkChurn } from "./source-churn.ts";
import { buildCoreDns } from "./coredns.ts";
import { checkMcs } from "./mcs.ts";
import { checkServices } from "./services.ts";
import { applyFixtures, checkGolden } from "./source-golden.ts";
import { Suite } from "./suite.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    operations: { type: "string", default: "4000" },
    /** Only `catwalk install`, `felix`, `uninstall`, and the hub's manifests. */
    felix: { type: "boolean", default: false },
    /** Only federated Services. */
    services: { type: "boolean", default: false },
    /** Only a relay without a hub. */
    direct: { type: "boolean", default: false },
    /** Only custom resources. */
    resources: { type: "boolean", default: false },
  },
});
const began = performance.now();
const suite = new Suite();

await suite.check("the test control plane is built", buildKube);
await suite.check("kubectl is there", ensureKubectl);
if (suite.failed === 0 && values.services) await checkServicesAlone(suite);
else if (suite.failed === 0 && values.direct) await checkDirectAlone(suite);
else if (suite.failed === 0 && values.resources) await checkResourcesAlone(suite);
else if (suite.failed === 0 && values.felix) await checkFelixAlone(suite);
else if (suite.failed === 0) {
  await checkKubectlForms(suite);
  for (const group of ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const) {
    const kube = await startKube();
    process.stdout.write(`     API server ready after ${kube.seconds.toFixed(1)} s\n`);
    try {
      await checkGolden(suite, kube, group);
      await checkDeploy(suite, kube, group);
      if (group === "crd.projectcalico.org/v1") {
        await checkSpine(suite, kube);
        const empty = await startKube();
        await checkUp(suite, empty, kube).finally(() => empty.stop());
        await checkServicesAlone(suite);
        const local = await startKube();
        await checkDirect(suite, local, kube).finally(() => local.stop());
        await checkResourcesAlone(suite);
        await checkFelixAlone(suite);
      }
      await checkChurn(suite, kube, group, {
        seed: Number(values.seed),
        operations: Number(values.operations),
      });
    } finally {
      await kube.stop();
    }
  }
}
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
process.stdout.write(`${suite.passed} passed, ${suite.failed} failed (${minutes} min)\n`);
process.exitCode = suite.failed === 0 ? 0 : 1;

async function checkFelixAlone(to: Suite): Promise<void> {
  const kube = await startKube();
  try {
    await checkFelix(to, kube);
    await checkHubManifests(to, kube);
  } finally {
    await kube.stop();
  }
}

/** Between two API servers of their own. */
async function checkResourcesAlone(to: Suite): Promise<void> {
  const [a, b] = [await startKube(), await startKube()];
  await checkCustomResources(to, a, b).finally(() => Promise.all([a.stop(), b.stop()]));
}

/** Between two API servers of their own. */
async function checkDirectAlone(to: Suite): Promise<void> {
  const [a, b] = [await startKube(), await startKube()];
  try {
    await to.check("objects of a cluster are stored", () =>
      applyFixtures(b, "crd.projectcalico.org/v1"),
    );
    await checkDirect(to, a, b);
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
}

/** Each between two API servers of its own. */
async function checkServicesAlone(to: Suite): Promise<void> {
  await to.check("CoreDNS is built", buildCoreDns);
  for (const check of [checkServices, checkMcs]) {
    const [a, b] = [await startKube(), await startKube()];
    await check(to, a, b).finally(() => Promise.all([a.stop(), b.stop()]));
  }
}
