/**
 * What a Felix would not take: an object that fails its validation acts there as a deletion. Such a record is refused by name where it comes in, so that
 * nobody wonders why a rule does not match. The same object has no effect in its own cluster either. [ADM10]
 *
 * Not part of the record schema: bytes that were stored under an older version must stay readable. Source: calico v3.32.1
 * libcalico-go/lib/validator/v3 and typha/pkg/validator/v1, and recorded odd values.
 */
import type { CalicoRecord, HostEndpoint, Labels } from "../record/record.ts";

const SUBDOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const OBJECT_NAME = new RegExp(`^${SUBDOMAIN}$`);
const LABEL_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;
const INTERFACE = /^(\*|[a-zA-Z0-9_.-]{0,15})$/;
/** The v1 model is a little wider than Kubernetes: a value may begin with any of its characters. */
const HOST_LABEL_VALUE = /^[a-zA-Z0-9]?([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?$/;

/** Field and rule that Felix would refuse the record for, or `null`. */
export function refusedByFelix(record: CalicoRecord): string | null {
  switch (record.kind) {
    case "Profile":
      return objectName(record.name) ?? kubernetesLabels(record.labels);
    case "Node":
      return objectName(record.name);
    case "HostEndpoint":
      return hostEndpoint(record);
    case "WorkloadEndpoint":
    case "IPPool":
    case "IPAMBlock":
    case "ClusterConfig":
      return null;
  }
}

function objectName(name: string): string | null {
  return name.length <= 253 && OBJECT_NAME.test(name)
    ? null
    : `name ${name} must be a lower-case DNS-1123 subdomain of at most 253 characters`;
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

function hostEndpoint(record: HostEndpoint): string | null {
  if (!INTERFACE.test(record.interfaceName))
    return `interfaceName ${record.interfaceName} must be * or match [a-zA-Z0-9_.-]{0,15}`;
  for (const [key, value] of Object.entries(record.labels))
    if (!HOST_LABEL_VALUE.test(value))
      return `label ${key} must have a label value of Kubernetes (at most 63 characters)`;
  return null;
}
