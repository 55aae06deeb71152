/** What says that a remote is the cluster that has its RCC. */
import { expect, test } from "vitest";

import { sameClusterBy } from "../../../relay/direct/same-cluster.ts";
import type { ClusterIdentity } from "../../../relay/direct/same-cluster.ts";
import { ServerReader } from "../../../relay/direct/server-reader.ts";
import { readServerIdentity } from "../../../relay/kube/server-identity.ts";
import type { IdentifiedServer, ServerIdentity } from "../../../relay/kube/server-identity.ts";
import { makeAuthority } from "../../support/certificates.ts";

const SERVER = { authorities: ["A", "B"], services: ["10.96.0.1", "fd00::1"] };
const of = (guid: string | null, server: ClusterIdentity["server"]): ClusterIdentity => ({
  guid,
  server,
});

test.each<[string, ClusterIdentity, ClusterIdentity, "guid" | "server" | null]>([
  ["the same GUID", of("g", null), of("g", null), "guid"],
  ["two GUIDs of servers that look alike", of("g", SERVER), of("h", SERVER), null],
  ["a GUID that is not known, and the same server", of("g", SERVER), of(null, SERVER), "server"],
  ["no GUID, and the same server", of(null, SERVER), of(null, SERVER), "server"],
  [
    "an authority that is being replaced",
    of(null, SERVER),
    of(null, { authorities: ["B", "C"], services: ["10.96.0.1"] }),
    "server",
  ],
  [
    "one authority and two ranges",
    of(null, SERVER),
    of(null, { ...SERVER, services: ["10.97.0.1"] }),
    null,
  ],
  [
    "one range and two authorities",
    of(null, SERVER),
    of(null, { ...SERVER, authorities: ["C"] }),
    null,
  ],
  ["a server that may not be asked", of("g", SERVER), of(null, null), null],
])("[DIR9] %s", (_what, local, remote, by) => {
  expect(sameClusterBy(local, remote)).toBe(by);
});

const authority = makeAuthority("one");
const answering = (status: number, body: unknown, pem = authority.cert) => ({
  authority: () => Promise.resolve(pem),
  get: () => Promise.resolve({ status, body: JSON.stringify(body) }),
});
const { signal } = new AbortController();

async function identityOf(server: IdentifiedServer): Promise<ServerIdentity | null> {
  const answer = await readServerIdentity(server, signal);
  return answer.kind === "known" ? answer.identity : null;
}

test("[DIR9] a server is known by each certificate of its authorities and each address of its Service", async () => {
  const other = makeAuthority("other");
  const pem = `${authority.cert}\n-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n${other.cert}`;
  const clusterIPs = ["10.96.0.1", "fd00::1"];
  const read = await identityOf(
    answering(200, { spec: { clusterIP: "10.96.0.1", clusterIPs } }, pem),
  );
  expect(read?.services).toEqual(clusterIPs);
  expect(read?.authorities).toHaveLength(2);
  const [plain] = (await identityOf(answering(200, { spec: { clusterIP: "10.96.0.1" } })))
    ?.authorities ?? [""];
  expect(read?.authorities).toContain(plain);
});

test.each([
  ["no authority is named", answering(200, { spec: { clusterIP: "10.96.0.1" } }, "")],
  ["the answer is no Service", answering(200, ["a"])],
  ["its addresses are no texts", answering(200, { spec: { clusterIPs: [1] } })],
  ["it has no address", answering(200, { spec: { clusterIP: "None" } })],
])("[DIR9] nothing is known where %s", async (_what, server) => {
  expect(await readServerIdentity(server, signal)).toEqual({ kind: "unknown" });
});

test("[DIR9] [CRD3] a server that refuses is told with the right that lacks, and asked again", async () => {
  const refusing = answering(403, { kind: "Status" });
  expect(await readServerIdentity(refusing, signal)).toEqual({ kind: "refused", status: 403 });
  const again: number[] = [];
  const after = (ms: number): (() => void) => {
    again.push(ms);
    return () => undefined;
  };
  let looked: () => void = () => undefined;
  const look = new Promise<void>((resolve) => (looked = resolve));
  const reader = new ServerReader(refusing, { after }, () => looked());
  reader.start();
  await look;
  expect(reader.identity).toBeNull();
  expect(again).toEqual([60_000]);
  expect(reader.problem).toMatch(/403.*deploy\/relay\/crds\/rbac\.yaml/);
  reader.stop();
});

test("[DIR9] a server that cannot answer now is asked again", async () => {
  await expect(readServerIdentity(answering(503, {}), signal)).rejects.toThrow("503");
});
