/**
 * Calico's keys and values in etcd → the records that the API server's objects give. [DIR10]
 *
 * Source: calico v3.32.1 libcalico-go: lib/backend/etcdv3/conversion.go, lib/backend/model,
 * lib/names/workloadendpoint.go, lib/backend/syncersv1/updateprocessors.
 */
import { formatIp } from "../../../shared/ip/address.ts";
import { canonicalCidr, parseCidr } from "../../../shared/ip/cidr.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";
import type { CalicoRecord, IPAMBlock, WorkloadEndpoint } from "../../../shared/record/record.ts";
import {
  distinctTextsAt,
  FieldProblem,
  isJsonObject,
  objectsAt,
  readKubeObject,
  textAt,
  textMapAt,
  textsAt,
} from "../../kube/kube-object.ts";
import type { JsonObject, KubeObject } from "../../kube/kube-object.ts";
import { convertClusterInformation, convertFelixConfiguration } from "../convert/cluster-config.ts";
import { converted } from "../convert/conversion.ts";
import type { Conversion, Report } from "../convert/conversion.ts";
import { accountLabel, endpointLabels } from "../convert/endpoint-labels.ts";
import { convertHostEndpoint } from "../convert/host-endpoint.ts";
import { convertIPPool } from "../convert/ip-pool.ts";
import { readIPAMBlock } from "../convert/ipam-block.ts";
import { readPort } from "../convert/ports.ts";
import { readNodeResource } from "../convert/node-resource.ts";
import { checkDecoded } from "./decoded.ts";
import { fromUtf8 } from "./text.ts";

type Convert = (object: KubeObject, json: JsonObject, report: Report) => CalicoRecord | null;

export interface EtcdCollection {
  /** As it is told. */
  readonly name: string;
  readonly kind: string;
  readonly prefix: string;
  readonly convert: Convert | "block";
}

export const RESOURCES = "/calico/resources/v3/projectcalico.org/";
/** Every cluster has it, and no label of it is inherited. */
const DEFAULT_ALLOW = "projectcalico-default-allow";

function resources(kind: string, plural: string, convert: Convert): EtcdCollection {
  return { name: plural, kind, prefix: `${RESOURCES}${plural}/`, convert };
}

/**
 * One watch each: eight. In the order in which they are listed: what says which addresses are the
 * cluster's own comes before what has addresses.
 */
export const ETCD_COLLECTIONS: readonly EtcdCollection[] = [
  resources("ClusterInformation", "clusterinformations", (object) =>
    convertClusterInformation(object),
  ),
  resources("IPPool", "ippools", (object, _json, report) => convertIPPool(object, report)),
  resources("Node", "nodes", ({ metadata: { name } }, json, report) =>
    readNodeResource(name, json, report),
  ),
  resources("FelixConfiguration", "felixconfigurations", (object, _json, report) =>
    convertFelixConfiguration(object, report),
  ),
  resources("Profile", "profiles", ({ metadata: { name }, spec }) => ({
    kind: "Profile",
    name,
    labels: textMapAt(spec, "labelsToApply", "spec.labelsToApply"),
  })),
  resources("HostEndpoint", "hostendpoints", (object, _json, report) =>
    convertHostEndpoint(object, report),
  ),
  resources("WorkloadEndpoint", "workloadendpoints", (object, _json, report) =>
    workloadEndpoint(object, report),
  ),
  {
    name: "ipamblocks",
    kind: "IPAMBlock",
    prefix: "/calico/ipam/v2/assignment/",
    convert: "block",
  },
];

/** `WorkloadEndpoint shop/node--a-k8s-web-eth0`: how problems call it. */
export function idOf({ kind, prefix }: EtcdCollection, key: string): string {
  return `${kind} ${key.slice(prefix.length)}`;
}

/** Total: what does not parse costs itself. */
export function convertKeyValue(
  collection: EtcdCollection,
  key: string,
  value: Uint8Array,
): Conversion {
  const { convert, kind, prefix } = collection;
  const rest = key.slice(prefix.length);
  return converted((report) => {
    const json = readJson(value);
    if (convert === "block") return block(rest, json, report);
    const slash = rest.indexOf("/");
    const metadata = metadataOf(json);
    // Names are those of the key. Nobody else has what was just read, so that it needs no copy.
    const name = rest.slice(slash + 1);
    Object.assign(metadata, { namespace: slash < 0 ? "" : rest.slice(0, slash), name });
    Object.assign(json, { apiVersion: "projectcalico.org/v3", kind, metadata });
    if (kind === "Profile" && name === DEFAULT_ALLOW) return null;
    checkDecoded(kind, json);
    return convert(readKubeObject(json), json, report);
  });
}

/** `ipv4/block/10.20.0.0-26`; what else is below the prefix is none. */
const BLOCK = /^ipv[46]\/block\/([0-9a-fA-F.:]+)-(\d{1,3})$/;

function block(rest: string, json: JsonObject, report: Report): IPAMBlock | null {
  const [, address, length] = BLOCK.exec(rest) ?? [];
  if (address === undefined) return null;
  const record = readIPAMBlock(json, report);
  const cidr = canonicalCidr(`${address}/${length}`);
  // Calico's reader has it by its key, and its routes by its CIDR: which is meant is not known.
  if (record !== null && record.cidr !== cidr)
    throw new FieldProblem("spec.cidr", `${record.cidr} must be that of its key, ${cidr}`);
  return record;
}

function metadataOf(json: JsonObject): JsonObject {
  const metadata = json["metadata"] ?? {};
  if (!isJsonObject(metadata)) throw new FieldProblem("metadata", "must be an object");
  return metadata;
}

function readJson(value: Uint8Array): JsonObject {
  const parsed = parseJson(fromUtf8(value));
  if (!parsed.ok) throw new FieldProblem("value", "must be JSON");
  if (!isJsonObject(parsed.value)) throw new FieldProblem("value", "must be a JSON object");
  return parsed.value;
}

function workloadEndpoint(object: KubeObject, report: Report): WorkloadEndpoint | null {
  const { metadata, spec } = object;
  const [node, orchestrator, name, endpoint, ...more] = partsOf(metadata.name);
  if (endpoint === undefined || more.length > 0 || metadata.namespace === "")
    throw new FieldProblem("key", "must be NAMESPACE/NODE-ORCHESTRATOR-WORKLOAD-ENDPOINT");
  const nets = textsAt(spec, "ipNetworks", "spec.ipNetworks");
  if (nets.length === 0) return null;
  const account = textAt(spec, "serviceAccountName", "spec.serviceAccountName");
  return {
    kind: "WorkloadEndpoint",
    node: node ?? "",
    orchestrator: orchestrator ?? "",
    namespace: metadata.namespace,
    name: name ?? "",
    endpoint,
    ips: addresses(nets),
    labels: endpointLabels(metadata.labels, accountLabel(account)),
    profiles: distinctTextsAt(spec, "profiles", "spec.profiles"),
    ports: objectsAt(spec, "ports", "spec.ports").flatMap(
      (entry, i) => readPort(withName(entry), "port", `spec.ports[${i}]`, report) ?? [],
    ),
  };
}

const PROTOCOLS: Readonly<Record<string, string>> = { 6: "TCP", 17: "UDP", 132: "SCTP" };

/** Calico's numbers or names of protocols. An absent one is 0, of which there are no ports. */
function withName(port: JsonObject): JsonObject {
  const protocol = port["protocol"] ?? 0;
  if (typeof protocol !== "number" && typeof protocol !== "string") return port;
  return { ...port, protocol: PROTOCOLS[protocol] ?? protocol };
}

const DASH = 0x2d;

/** A dash stands between the parts, and a doubled one for a dash in one. */
function partsOf(name: string): string[] {
  const parts: string[] = [];
  let part = "";
  let from = 0;
  for (let at = 0; at < name.length; at++) {
    if (name.charCodeAt(at) !== DASH) continue;
    if (name.charCodeAt(at + 1) === DASH) part += name.slice(from, ++at);
    else {
      parts.push(part + name.slice(from, at));
      part = "";
    }
    from = at + 1;
  }
  parts.push(part + name.slice(from));
  return parts;
}

/** As of pods: Felix takes the network's address, and forgets the mask. */
function addresses(nets: readonly string[]): string[] {
  const parsed = nets.map((text, i) => {
    const net = parseCidr(text);
    if (net === null)
      throw new FieldProblem(`spec.ipNetworks[${i}]`, `${JSON.stringify(text)} is not an address`);
    return net.address;
  });
  const texts = parsed.map(formatIp);
  if (texts.length < 2) return texts;
  const isV4 = (_: string, i: number): boolean => parsed[i]?.length === 4;
  return [...texts.filter(isV4), ...texts.filter((text, i) => !isV4(text, i))];
}
