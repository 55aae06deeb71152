/**
 * Bytes of one frame for a Service's endpoints, as they are on the wire: a slice of 100 at first,
 * without and with the names of their pods, and one endpoint that changes.
 */
import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { encodeRecord } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

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

/** What a Service costs Cilium in its second format, with zstd: addresses and ports. */
const CILIUM_BYTES = 283;

const ROWS: readonly (readonly [string, readonly LogChange[], number | null])[] = [
  ["100 endpoints, addresses and ports", hundred(() => ""), CILIUM_BYTES],
  ["100 endpoints, with zones and names of a StatefulSet's pods", hundred((i) => `db-${i}`), null],
  ["100 endpoints, with zones and names of a Deployment's pods", hundred(podOf), null],
  ["1 endpoint changed", [put(endpointOf(7, podOf(7), true)), put(change)], 120],
];

export async function* benchServicesWire(): AsyncGenerator<Figure> {
  for (const [what, changes, target] of ROWS) {
    const bytes = encodePayload(changes).length;
    yield await Promise.resolve(figure(`${what}, in a frame`, bytes, "bytes", target));
  }
}
