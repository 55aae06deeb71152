/**
 * What a Felix would not take: an object that fails its validation acts there as a deletion, and
 * one that it cannot let go of ends it. Such a record is refused by name where it comes in, so that
 * nobody wonders why a rule does not match. The same object is no better in its own cluster.
 * [ADM10]
 *
 * Not part of the record schema: bytes that were stored under an older version must stay readable.
 * Source: calico v3.32.1 libcalico-go/lib/validator/v3 and typha/pkg/validator/v1, and recorded odd
 * values.
 */
import { isUnicastMac } from "../overlay/vtep.ts";
import type { CalicoRecord, Labels, Node } from "../record/record.ts";

const SUBDOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const OBJECT_NAME = new RegExp(`^${SUBDOMAIN}$`);
const LABEL_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;
const INTERFACE = /^(\*|[a-zA-Z0-9_.-]{0,15})$/;

/** Field and rule that Felix would refuse the record for, or `null`. */
export function refusedByFelix(record: CalicoRecord): string | null {
  switch (record.kind) {
    case "Profile":
      return objectName(record.name) ?? kubernetesLabels(record.labels);
    case "Node":
      return objectName(record.name) ?? tunnelMacs(record);
    case "HostEndpoint":
      return interfaceName(record.interfaceName) ?? distinct(record.profiles);
    case "WorkloadEndpoint":
      return distinct(record.profiles);
    case "IPPool":
    case "IPAMBlock":
    case "ClusterConfig":
    case "ServiceChange":
      return null;
    case "Service":
    case "ServiceExport":
      return kubernetesLabels(record.labels);
    case "ServiceEndpoint":
      return null;
  }
}

function objectName(name: string): string | null {
  return name.length <= 253 && OBJECT_NAME.test(name)
    ? null
    : `name ${name} must be a lower-case DNS-1123 subdomain of at most 253 characters`;
}

/** The kernel takes no other for a tunnel's far end, and is asked again and again. [ADM13] */
function tunnelMacs({ vxlanTunnelMACAddr, vxlanTunnelMACAddrV6 }: Node): string | null {
  const wrong = [vxlanTunnelMACAddr, vxlanTunnelMACAddrV6].find(
    (mac) => mac !== "" && !isUnicastMac(mac),
  );
  return wrong === undefined ? null : `tunnel MAC ${wrong} must be the address of one node`;
}

function kubernetesLabels(labels: Labels): string | null {
  for (const [key, value] of Object.entries(labels)) {
    if (!isQualifiedName(key)) return `label ${key} must be a qualified name of Kubernetes`;
    if (!LABEL_VALUE.test(value))
      return `label ${key} must have a label value of Kubernetes (at most 63 characters)`;
  }
  return null;
}

/** `[prefix/]name`: the prefix a DNS subdomain of at most 253 characters, the name at most 63. */
function isQualifiedName(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return LABEL_NAME.test(key);
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && OBJECT_NAME.test(prefix) && LABEL_NAME.test(key.slice(slash + 1));
}

function interfaceName(name: string): string | null {
  return INTERFACE.test(name)
    ? null
    : `interfaceName ${name} must be * or match [a-zA-Z0-9_.-]{0,15}`;
}

/**
 * A profile that is named twice is let go of twice when its last endpoint goes or changes: Felix
 * panics ("discard of unknown ID", seen with 3.30.7, 3.31.7 and 3.32.1), long after it took the
 * endpoint.
 */
function distinct(profiles: readonly string[]): string | null {
  if (profiles.length < 2) return null;
  const twice = profiles.find((name, i) => profiles.indexOf(name) < i);
  return twice === undefined ? null : `profiles names ${twice} twice`;
}
