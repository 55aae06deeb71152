/** What of etcd's golden data and of a dump is compared, and how: key by key, as Felix takes it. */
import type { KeyValues } from "./golden.ts";

/** Texts that mean the same to Felix, in one form. */
function plain(key: string, value: unknown): unknown {
  if (!isObject(value)) return key.endsWith("MACAddr") ? String(value).replaceAll("-", ":") : value;
  const spec = value["spec"];
  if (isObject(spec) && key.includes("/profiles/"))
    return { ...value, spec: { labelsToApply: spec["labelsToApply"] ?? {} } };
  if (!/\/endpoint\//.test(key)) return value;
  const { ports, profile_ids: profiles, ...rest } = value;
  return {
    ...rest,
    // A profile is named once: a second time ends every Felix that takes the endpoint.
    ...(Array.isArray(profiles) ? { profile_ids: [...new Set(profiles)] } : {}),
    ...(profiles === null ? { profile_ids: [] } : {}),
    ...(Array.isArray(ports) ? withPorts(ports) : {}),
  };
}

const NAMES: Readonly<Record<string, string>> = { 6: "tcp", 17: "udp", 132: "sctp" };

/** Only those that Felix takes: 1 to 65535, of TCP, UDP or SCTP. */
function withPorts(ports: readonly Json[]): { readonly ports?: readonly Json[] } {
  const taken = ports
    .map((port) => ({ ...port, protocol: NAMES[String(port["protocol"])] ?? port["protocol"] }))
    .filter(({ protocol, ...port }: Json) => {
      return Object.values(NAMES).includes(String(protocol)) && port["port"] !== 0;
    });
  return taken.length === 0 ? {} : { ports: taken };
}

type Json = Readonly<Record<string, unknown>>;
function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function differences(dump: KeyValues, golden: KeyValues): string[] {
  const keys = [...new Set([...dump.keys(), ...golden.keys()])].toSorted();
  return keys.filter((key) => {
    if (!dump.has(key) || !golden.has(key)) return true;
    return meaningOf(key, dump.get(key)) !== meaningOf(key, golden.get(key));
  });
}

/** As text, in one form. */
export function meaningOf(key: string, value: unknown): string {
  return sorted(plain(key, value));
}

/** Whatever the order of fields. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
