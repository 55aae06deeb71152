/**
 * What Calico's client refuses of a value in etcd, beyond what is published of it: it decodes whole
 * objects by type, and one field of another type, or an address that is none, costs it the object.
 * What it takes for gone in its own cluster is not shown to others. [DIR22]
 *
 * Found with Calico v3.32.1, by values that its etcd syncer was given: test/fixtures/golden/etcd.
 */
import { parseCidr } from "../../../shared/ip/cidr.ts";
import { FieldProblem, objectAt, objectsAt, textAt, textsAt } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";

/** @throws FieldProblem */
export function checkDecoded(kind: string, object: JsonObject): void {
  checkTime(object);
  const spec = objectAt(object, "spec", "spec");
  switch (kind) {
    case "WorkloadEndpoint":
      return checkWorkload(spec);
    case "HostEndpoint":
      return checkPorts(spec);
    case "IPPool":
      return checkWhole(spec["blockSize"], "spec.blockSize", 2 ** 53);
    case "Node":
      return checkAsNumber(objectAt(spec, "bgp", "spec.bgp")["asNumber"]);
    default:
  }
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function checkTime(object: JsonObject): void {
  const field = "metadata.creationTimestamp";
  const text = textAt(objectAt(object, "metadata", "metadata"), "creationTimestamp", field);
  if (text !== "" && !RFC_3339.test(text)) throw new FieldProblem(field, "must be a time");
}

/** With the paths by which they are told. */
const TEXTS = ["workload", "containerID", "pod", "endpoint", "node", "orchestrator"].map(
  (name) => [name, `spec.${name}`] as const,
);
/** Six, eight or twenty bytes, as Go's `net.ParseMAC` takes them. */
const MAC =
  /^[0-9a-f]{2}([:-])([0-9a-f]{2}\1){4}(([0-9a-f]{2}\1){2}|([0-9a-f]{2}\1){14})?[0-9a-f]{2}$/i;
const DOTTED_MAC = /^([0-9a-f]{4}\.){2}([0-9a-f]{4}\.|([0-9a-f]{4}\.){7})?[0-9a-f]{4}$/i;

function checkWorkload(spec: JsonObject): void {
  for (const [name, path] of TEXTS) textAt(spec, name, path);
  textAt(spec, "interfaceName", "spec.interfaceName");
  const mac = textAt(spec, "mac", "spec.mac");
  if (mac !== "" && !MAC.test(mac) && !DOTTED_MAC.test(mac))
    throw new FieldProblem("spec.mac", `${JSON.stringify(mac)} must be a MAC address`);
  for (const name of ["ipv4Gateway", "ipv6Gateway"]) {
    const gateway = textAt(spec, name, `spec.${name}`);
    if (gateway !== "") checkAddress(gateway, `spec.${name}`);
  }
  const field = "spec.allowSpoofedSourcePrefixes";
  for (const [i, prefix] of textsAt(spec, "allowSpoofedSourcePrefixes", field).entries())
    checkAddress(prefix, `${field}[${i}]`);
  objectsAt(spec, "ipNATs", "spec.ipNATs");
  checkPorts(spec);
}

function checkAddress(text: string, field: string): void {
  if (parseCidr(text) === null)
    throw new FieldProblem(field, `${JSON.stringify(text)} must be an address or a CIDR`);
}

function checkPorts(spec: JsonObject): void {
  for (const [i, port] of objectsAt(spec, "ports", "spec.ports").entries()) {
    checkWhole(port["port"], `spec.ports[${i}].port`, 65_535);
    checkWhole(port["hostPort"], `spec.ports[${i}].hostPort`, 65_535);
    const { protocol } = port;
    if (typeof protocol !== "string") checkWhole(protocol, `spec.ports[${i}].protocol`, 255);
  }
}

/** Absent and null are 0. */
function checkWhole(value: unknown, field: string, most: number): void {
  if (value === undefined || value === null) return;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > most)
    throw new FieldProblem(field, `${JSON.stringify(value)} must be 0 to ${most}`);
}

function checkAsNumber(value: unknown): void {
  if (typeof value === "string" ? /^\d+(\.\d+)?$/.test(value) : value == null) return;
  checkWhole(value, "spec.bgp.asNumber", 2 ** 32 - 1);
}
