/**
 * The documentation's RCCs of an etcd, as they are: in a network of its own, that has the address
 * that they name. `node test/etcd/documents.ts FOLDER` in such a network (`unshare -rn`), with the
 * authority's certificate among those that this process trusts, as an https endpoint without an
 * etcdCACertFile asks for. [DIR2] [DIR10]
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { stringify } from "yaml";

import { GrpcChannel } from "../../relay/source/etcd/grpc-channel.ts";
import { MessageWriter } from "../../relay/source/etcd/protobuf.ts";
import { makeAuthority } from "../support/certificates.ts";
import { DirectRig, until } from "../support/direct-rig.ts";
import { Suite } from "../interop/suite.ts";
import { ETCD_BINARY, lineOf } from "./members.ts";

const ADDRESS = "10.0.0.1";
const R = "/calico/resources/v3/projectcalico.org";
const WAIT_MS = 60_000;
const CALL_MS = 20_000;

/** (Configuring remote clusters; Remote cluster configuration. Read 2026-11.) */
const DOCUMENTED = [
  {
    name: "guide of an etcd remote",
    text: `apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster-n
spec:
  datastoreType: etcdv3
  etcdEndpoints: "https://10.0.0.1:2379,https://10.0.0.2:2379"
  # Include the remote-cluster kubeconfig for the federated services controller
  kubeconfig: /etc/tigera-federation-remotecluster/kubeconfig-rem-cluster-n
`,
  },
  {
    name: "reference of an etcd remote",
    text: `apiVersion: projectcalico.org/v3
kind: RemoteClusterConfiguration
metadata:
  name: cluster1
spec:
  datastoreType: etcdv3
  etcdEndpoints: 'https://10.0.0.1:2379,https://10.0.0.2:2379'
`,
  },
] as const;

/** Runs this program where the address is. @returns Whether all went well; `null`: it cannot be. */
export function checkDocuments(): boolean | null {
  const network = ["-rn", "--"];
  if (spawnSync("unshare", [...network, "true"]).status !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), "catwalk-etcd-documents-"));
  try {
    const authority = makeAuthority("etcd");
    const issued = authority.issue(ADDRESS);
    writeFileSync(join(folder, "ca.pem"), authority.cert);
    writeFileSync(join(folder, "cert.pem"), issued.cert);
    writeFileSync(join(folder, "key.pem"), issued.key);
    const { status } = spawnSync(
      "unshare",
      [...network, process.execPath, import.meta.filename, folder],
      {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    return status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function network(): void {
  for (const args of [
    ["link", "set", "lo", "up"],
    ["addr", "add", `${ADDRESS}/32`, "dev", "lo"],
  ])
    assert.equal(spawnSync("ip", args, { stdio: "inherit" }).status, 0, `ip ${args.join(" ")}`);
}

async function startEtcd(folder: string): Promise<() => void> {
  const file = join(folder, "etcd.yaml");
  const peer = "http://127.0.0.1:2380";
  const tls = { "cert-file": join(folder, "cert.pem"), "key-file": join(folder, "key.pem") };
  const config = {
    name: "m0",
    "data-dir": join(folder, "data"),
    "listen-client-urls": `https://${ADDRESS}:2379`,
    "advertise-client-urls": `https://${ADDRESS}:2379`,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `m0=${peer}`,
    "client-transport-security": tls,
    "log-level": "error",
  };
  writeFileSync(file, stringify(config));
  const child = spawn(ETCD_BINARY, ["member", file], { stdio: ["pipe", "pipe", "inherit"] });
  await lineOf(child);
  return () => child.kill("SIGKILL");
}

async function fill(): Promise<void> {
  const channel = new GrpcChannel(`https://${ADDRESS}:2379`, { ca: "", cert: "", key: "" });
  const values = {
    "ippools/pods": { metadata: { name: "pods" }, spec: { cidr: "10.20.0.0/16" } },
    "workloadendpoints/shop/node--a-k8s-web-eth0": {
      metadata: { name: "node--a-k8s-web-eth0", namespace: "shop", labels: { app: "web" } },
      spec: { node: "node-a", orchestrator: "k8s", pod: "web", ipNetworks: ["10.20.0.1/32"] },
    },
  };
  for (const [key, value] of Object.entries(values)) {
    const request = new MessageWriter().text(1, `${R}/${key}`).text(2, JSON.stringify(value));
    await channel.call("/etcdserverpb.KV/Put", request.done(), {}, CALL_MS);
  }
  channel.close();
}

async function main(folder: string): Promise<number> {
  network();
  const stopEtcd = await startEtcd(folder);
  const rig = new DirectRig();
  const suite = new Suite();
  const within = async (what: string, condition: () => boolean): Promise<void> => {
    const late = AbortSignal.timeout(WAIT_MS);
    await until(() => condition() || late.aborted);
    assert.ok(condition(), `${what}: ${rig.log.slice(-2_000)}`);
  };
  try {
    await fill();
    await rig.start();
    for (const { name, text } of DOCUMENTED)
      await suite.check(`the documentation's ${name}, unchanged, is in sync`, async () => {
        const rcc = /name: (\S+)/.exec(text)?.[1] ?? "";
        writeFileSync(join(rig.rccs, "sample.yaml"), text);
        await within("in sync", () => rig.status(rcc) === 2);
        assert.ok([...rig.served(rcc).keys()].some((key) => key.includes("shop%2fweb")));
        rig.remove("sample");
        await within("gone", () => rig.status(rcc) === undefined);
      });
  } finally {
    await rig.end();
    stopEtcd();
  }
  return suite.failed === 0 ? 0 : 1;
}

const [, program, folder] = process.argv;
if (program === import.meta.filename && folder !== undefined) process.exit(await main(folder));
