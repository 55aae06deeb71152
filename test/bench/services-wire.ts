/**
 * Bytes of one frame for a Service's endpoints, as they are on the wire: a slice of 100 at first,
 * and one endpoint that changes. Prints JSON lines.
 */
import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { encodeRecord } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";

const put = (record: CalicoRecord): LogChange => ({ op: "put", bytes: encodeRecord(record) });

function endpointOf(i: number, pod: string, notReady = false): CalicoRecord {
  return {
    kind: "ServiceEndpoint",
    namespace: "shop",
    service: "db",
    ip: `10.20.1.${i}`,
    ports: [{ name: "sql", protocol: "tcp", port: 5432 }],
    notReady,
    notServing: notReady,
    terminating: false,
    zone: pod === "" ? "" : "eu-west-1a",
    hostname: "",
    pod,
  };
}

/** As Kubernetes names pods of a Deployment. */
function podOf(i: number): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  let suffix = "";
  for (let j = 0, seed = (i + 1) * 2_654_435_761; j < 5; j++, seed = Math.floor(seed / 27))
    suffix += letters[seed % 27];
  return `db-6f7c9d8b5-${suffix}`;
}

const change: CalicoRecord = {
  kind: "ServiceChange",
  namespace: "shop",
  service: "db",
  atMs: 1.8e12,
};
const hundred = (pod: (i: number) => string): LogChange[] =>
  Array.from({ length: 100 }, (_, i) => put(endpointOf(i + 1, pod(i))));

const rows = {
  "100 endpoints, addresses and ports": hundred(() => ""),
  "100 endpoints, with pod names and zones": hundred(podOf),
  "1 endpoint changed": [put(endpointOf(7, podOf(7), true)), put(change)],
};
for (const [what, changes] of Object.entries(rows))
  process.stdout.write(`${JSON.stringify({ what, bytes: encodePayload(changes).length })}\n`);
