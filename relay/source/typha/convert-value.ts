/**
 * A key/value of Typha's `felix` stream → the record that the API server's objects give: the same
 * fields, read from Calico's v1 and v3 JSON. Numbers are never written again (a block's
 * `sequenceNumber` has more digits than a double), and what does not parse costs itself, not the
 * stream. [SRC70]
 */
import { canonicalIp, parseIp } from "../../../shared/ip/address.ts";
import { canonicalCidr } from "../../../shared/ip/cidr.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";
import type {
  CalicoRecord,
  EncapMode,
  EndpointPort,
  HostEndpoint,
  IPPool,
  Profile,
  WorkloadEndpoint,
} from "../../../shared/record/record.ts";
import type { Report } from "../convert/conversion.ts";
import { readIPAMBlock } from "../convert/ipam-block.ts";
import {
  distinctTextsAt,
  FieldProblem,
  flagAt,
  isJsonObject,
  objectAt,
  objectsAt,
  textAt,
  textMapAt,
  textsAt,
} from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { readNodeResource } from "../convert/node-resource.ts";
import { readPort } from "../convert/ports.ts";
import type { PublishedKey } from "./key-path.ts";

type Key<K extends PublishedKey["kind"]> = Extract<PublishedKey, { kind: K }>;

/**
 * @param text The value as it came: JSON, but for settings.
 * @returns `null` where there is nothing to publish (a load balancer's block).
 * @throws FieldProblem when the whole value is lost; `report` is for what only loses a field.
 */
export function convertValue(key: PublishedKey, text: string, report: Report): CalicoRecord | null {
  if (key.kind === "ClusterConfig") return { kind: key.kind, params: { [key.param]: text } };
  const value = readJson(text);
  switch (key.kind) {
    case "WorkloadEndpoint":
      return workloadEndpoint(key, value, report);
    case "HostEndpoint":
      return hostEndpoint(key, value, report);
    case "Profile":
      return profile(key, value);
    case "Node":
      return readNodeResource(key.name, value, report);
    case "IPPool":
      return pool(value, report);
    case "IPAMBlock":
      return readIPAMBlock(value, report);
  }
}

function readJson(text: string): JsonObject {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new FieldProblem("value", "must be JSON");
  if (!isJsonObject(parsed.value)) throw new FieldProblem("value", "must be a JSON object");
  return parsed.value;
}

function workloadEndpoint(
  key: Key<"WorkloadEndpoint">,
  value: JsonObject,
  report: Report,
): WorkloadEndpoint | null {
  const ips = [...addresses(value, "ipv4_nets", report), ...addresses(value, "ipv6_nets", report)];
  if (ips.length === 0) return null;
  return {
    ...key,
    ips,
    labels: textMapAt(value, "labels", "labels"),
    profiles: distinctTextsAt(value, "profile_ids", "profile_ids"),
    ports: ports(value, report),
  };
}

/** Felix uses the address of an endpoint's net and forgets the mask. */
function addresses(value: JsonObject, field: string, report: Report): string[] {
  return textsAt(value, field, field).flatMap((net, i) => {
    const ip = canonicalIp(net.split("/")[0] ?? "");
    if (ip === null) report(`${field}[${i}]`, `${JSON.stringify(net)} is not an IP address`);
    return ip ?? [];
  });
}

function hostEndpoint(key: Key<"HostEndpoint">, value: JsonObject, report: Report): HostEndpoint {
  const expected = ["expected_ipv4_addrs", "expected_ipv6_addrs"].flatMap((field) =>
    textsAt(value, field, field).flatMap((text, i) => {
      const ip = parseIp(text) === null ? null : canonicalIp(text);
      if (ip === null) report(`${field}[${i}]`, `${JSON.stringify(text)} is not an IP address`);
      return ip ?? [];
    }),
  );
  return {
    ...key,
    interfaceName: textAt(value, "name", "name"),
    ips: expected,
    labels: textMapAt(value, "labels", "labels"),
    profiles: distinctTextsAt(value, "profile_ids", "profile_ids"),
    ports: ports(value, report),
  };
}

function ports(value: JsonObject, report: Report): readonly EndpointPort[] {
  return objectsAt(value, "ports", "ports").flatMap(
    (entry, i) => readPort(entry, "port", `ports[${i}]`, report) ?? [],
  );
}

function profile({ name }: Key<"Profile" | "Node">, value: JsonObject): Profile {
  const spec = objectAt(value, "spec", "spec");
  return { kind: "Profile", name, labels: textMapAt(spec, "labelsToApply", "spec.labelsToApply") };
}

function pool(value: JsonObject, report: Report): IPPool {
  const text = textAt(value, "cidr", "cidr");
  const cidr = text.includes("/") ? canonicalCidr(text) : null;
  if (cidr === null) throw new FieldProblem("cidr", `${JSON.stringify(text)} is not a CIDR`);
  const mode = (field: "ipip_mode" | "vxlan_mode"): EncapMode => {
    const found = textAt(value, field, field);
    if (found === "" || found === "always" || found === "cross-subnet") return found;
    report(field, `${JSON.stringify(found)} must be empty, always or cross-subnet`);
    return "";
  };
  return {
    kind: "IPPool",
    cidr,
    ipipMode: mode("ipip_mode"),
    vxlanMode: mode("vxlan_mode"),
    natOutgoing: flagAt(value, "masquerade", "masquerade"),
    disabled: flagAt(value, "disabled", "disabled"),
    allowedUses: textsAt(value, "allowed_uses", "allowed_uses").toSorted(),
  };
}
