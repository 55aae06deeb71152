/**
 * The addresses behind a Kubernetes service, as Calico's own clients find Typha: all EndpointSlices
 * with the service's label, ready endpoints only, the port of one name; those on the same node come
 * first, the rest in random order. Source: calico v3.32.1 typha/pkg/discovery. [TYP30]
 */
import { formatHostPort } from "../lib/host-port.ts";
import { isJsonObject } from "./kube-object.ts";
import type { JsonObject } from "./kube-object.ts";

export const PORT_NAME = "calico-typha";

/**
 * @param slices As the API server lists them; what is not shaped as one gives nothing.
 * @param nodeName This relay's node, empty where it is not known.
 * @returns `HOST:PORT`, the ones to try first in front; each once.
 */
export function typhaAddresses(
  slices: readonly unknown[],
  nodeName: string,
  random: () => number,
): string[] {
  return portAddresses(slices, PORT_NAME, nodeName, random);
}

/**
 * The same of a port of any name.
 * @param isWanted Which endpoints count: the ready ones, unless said otherwise.
 */
export function portAddresses(
  slices: readonly unknown[],
  portName: string,
  nodeName: string,
  random: () => number,
  isWanted: (endpoint: JsonObject) => boolean = isReady,
): string[] {
  const near = new Set<string>();
  const far = new Set<string>();
  for (const slice of slices) {
    if (!isJsonObject(slice)) continue;
    for (const port of portsOf(slice, portName))
      for (const endpoint of objects(slice["endpoints"])) {
        if (!isWanted(endpoint)) continue;
        const isNear = nodeName !== "" && endpoint["nodeName"] === nodeName;
        for (const address of texts(endpoint["addresses"]))
          (isNear ? near : far).add(formatHostPort(address, port));
      }
  }
  return [...shuffled(near, random), ...shuffled(far, random).filter((a) => !near.has(a))];
}

function portsOf(slice: JsonObject, portName: string): number[] {
  return objects(slice["ports"]).flatMap(({ name, port, protocol = "TCP" }) =>
    name === portName && protocol === "TCP" && typeof port === "number" ? [port] : [],
  );
}

/** Absent means ready: "unknown" is to be taken so. */
export function isReady(endpoint: JsonObject): boolean {
  const conditions = endpoint["conditions"];
  return !isJsonObject(conditions) || conditions["ready"] !== false;
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

function shuffled(addresses: ReadonlySet<string>, random: () => number): string[] {
  return [...addresses]
    .map((address) => [random(), address] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, address]) => address);
}
