/**
 * A relay without a hub between two real API servers: the remote gives the account of `catwalk rbac
 * remote`, and the documents are those of the documentation. [DIR3] [DIR5] [DIR8] [DIR12] [DIR14]
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeAuthority } from "../support/certificates.ts";
import { eventually } from "../support/mesh-rig.ts";
import { tlsBefore } from "../support/tls-relay.ts";
import { DOCUMENTED } from "./direct-documents.ts";
import { DirectLab, must } from "./direct-lab.ts";
import type { KubeServer } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

const ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/catwalk-remote";
/** From a Secret that changes to the new connection. */
const ROTATED_MS = 2_000;

/** @param kubeA Where the RCC's Secret is. @param kubeB The remote, with the recorded fixtures. */
export async function checkDirect(
  suite: Suite,
  kubeA: KubeServer,
  kubeB: KubeServer,
): Promise<void> {
  const lab = new DirectLab(kubeA, kubeB);
  try {
    await checkSecret(suite, lab);
    await checkForbidden(suite, lab);
    await checkUnreachable(suite, lab);
    await checkDocuments(suite, lab);
  } finally {
    await lab.stop();
  }
}

async function checkSecret(suite: Suite, lab: DirectLab): Promise<void> {
  const { rig } = lab;
  await suite.check(
    "a relay without a hub reads a real API server by a Secret's token",
    async () => {
      await lab.startBySecret();
      must(rig.served("db").size > 10, `${rig.served("db").size} records`);
      const { reason } = rig.condition("db", "Complete");
      must(reason === "AllListed", reason);
    },
  );
  await suite.check("a pod of the remote comes and goes", async () => {
    await lab.pod("direct-0", "10.64.9.10");
    await eventually(() => Promise.resolve(lab.has("db", "direct-0")), Boolean);
    await lab.b.send("DELETE", "/api/v1/namespaces/shop/pods/direct-0?gracePeriodSeconds=0");
    await eventually(() => Promise.resolve(!lab.has("db", "direct-0")), Boolean);
  });
  await suite.check("a rotated Secret reconnects within 2 s, and nothing is deleted", async () => {
    lab.deleted = [];
    const ms = await lab.rotate();
    process.stdout.write(`     reconnected after ${ms.toFixed(0)} ms\n`);
    must(ms <= ROTATED_MS, `it took ${ms} ms`);
    must(lab.deleted.length === 0, lab.deleted.join(" "));
  });
}

async function checkForbidden(suite: Suite, lab: DirectLab): Promise<void> {
  const { rig } = lab;
  await suite.check(
    "without one right the others are in sync, and what lacks is named",
    async () => {
      const role = (await lab.b.send("GET", ROLE)) as {
        readonly rules: readonly { readonly resources: readonly string[] }[];
      };
      const rules = role.rules.map((rule) => ({
        ...rule,
        resources: rule.resources.filter((resource) => resource !== "hostendpoints"),
      }));
      await lab.b.send("PATCH", ROLE, { rules });
      await rig.stop();
      rig.remove("db");
      await lab.start();
      rig.apply("part", {
        datastoreType: "kubernetes",
        kubeconfigInline: lab.kubeconfig(await lab.token()),
      });
      await lab.inSync("part");
      await lab.told(
        "part",
        "Complete",
        /cannot list resource "hostendpoints".*catwalk rbac remote/,
      );
      await lab.b.send("PATCH", ROLE, { rules: role.rules });
      await lab.told("part", "Complete", /AllListed/);
      await lab.inSync("part");
    },
  );
}

async function checkUnreachable(suite: Suite, lab: DirectLab): Promise<void> {
  const { rig } = lab;
  const authority = makeAuthority("front");
  const { port } = lab.server;
  const token = await lab.token();
  const apply = (kubeconfigInline: string): void =>
    rig.apply("part", { datastoreType: "kubernetes", kubeconfigInline });
  await suite.check(
    "a wrong authority, no token, nobody there: told, and nothing is lost",
    async () => {
      lab.deleted = [];
      apply(lab.kubeconfig(token, { port, ca: makeAuthority("other").cert }));
      await lab.told("part", "Connected", /certificate/);
      apply(lab.kubeconfig("not-a-token"));
      await lab.told("part", "Connected", /401/);
      apply(lab.kubeconfig(token, { port: 1, ca: authority.cert }));
      await lab.told("part", "Connected", /ECONNREFUSED/);
      must(rig.served("part").size > 10, "what was known is gone");
      must(lab.deleted.length === 0, lab.deleted.join(" "));
    },
  );
  await suite.check("an expired certificate is told", async () => {
    const expired = await tlsBefore(port, authority.issueExpired("127.0.0.1"));
    try {
      apply(lab.kubeconfig(token, { port: expired.port, ca: authority.cert }));
      await lab.told("part", "Connected", /expired/);
    } finally {
      await expired.stop();
    }
    apply(lab.kubeconfig(token));
    await lab.inSync("part");
  });
  await suite.check(
    "an RCC that is deleted in the middle of its first list leaves nothing",
    async () => {
      rig.apply("gone", {
        datastoreType: "kubernetes",
        kubeconfigInline: lab.kubeconfig(token),
      });
      await eventually(() => Promise.resolve(rig.report("gone")?.source != null), Boolean);
      rig.remove("gone");
      await eventually(() => Promise.resolve(rig.status("gone") === undefined), Boolean);
      must(rig.served("gone").size === 0, "records are left");
      rig.remove("part");
      await eventually(() => Promise.resolve(rig.status("part") === undefined), Boolean);
    },
  );
}

/**
 * Paths and names of the documents are given what they name (root may), the documents are not
 * touched.
 */
async function checkDocuments(suite: Suite, lab: DirectLab): Promise<void> {
  const { rig } = lab;
  const folder = "/etc/tigera-federation-remotecluster";
  const isOurs = !existsSync(folder);
  mkdirSync(folder, { recursive: true });
  const kubeconfig = lab.kubeconfig(await lab.token());
  for (const file of ["kubeconfig-rem-cluster-n", "kubeconfig-rem-cluster-1"])
    writeFileSync(join(folder, file), kubeconfig, { mode: 0o600 });
  for (const { name, text } of DOCUMENTED)
    await suite.check(`the documentation's ${name}, unchanged, is in sync`, async () => {
      const rcc = /name: (\S+)/.exec(text)?.[1] ?? "";
      writeFileSync(join(rig.rccs, "sample.yaml"), text);
      await lab.inSync(rcc);
      must(rig.served(rcc).size > 10, `${rig.served(rcc).size} records`);
      rig.remove("sample");
      await eventually(() => Promise.resolve(rig.status(rcc) === undefined), Boolean);
    });
  if (isOurs) rmSync(folder, { recursive: true });
}
