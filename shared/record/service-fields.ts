/** Fields of Services and of the endpoints behind them. */
import { bytes, fail, isWithin } from "./field-codec.ts";
import type { FieldCodec } from "./field-codec.ts";
import { portList, PROTOCOLS } from "./port-list.ts";
import type { ServicePort } from "./record.ts";
import { Words } from "./words.ts";

const PORT_NAME = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/;
const WRONG_NAME = "name must be a lower-case DNS-1123 label of at most 63 characters, or empty";
/** As many as the ports of one Service that anybody has; Kubernetes has no bound below 20,000. */
const MAX_PORTS = 100;

const portNames = new Words((name) => (PORT_NAME.test(name) ? name : fail(WRONG_NAME)));

/** Before it in the one order of a list: by name, then protocol. */
function isAfter(before: ServicePort | undefined, next: ServicePort): boolean {
  return before === undefined || orderOf(before) < orderOf(next);
}

function orderOf({ name, protocol }: ServicePort): string {
  return `${name} ${PROTOCOLS.indexOf(protocol)}`;
}

/** In the one order that the field takes; of two of one name and protocol the first stays. */
export function sortedPorts(ports: readonly ServicePort[]): readonly ServicePort[] {
  const first = new Map<string, ServicePort>();
  for (const port of ports) if (!first.has(orderOf(port))) first.set(orderOf(port), port);
  return [...first.keys()].toSorted().flatMap((order) => first.get(order) ?? []);
}

export const servicePorts: FieldCodec<readonly ServicePort[]> = portList({
  max: MAX_PORTS,
  names: portNames,
  isAfter,
});

/** As long as Kubernetes takes for sessions: a day. */
const MOST_SECONDS = 86_400;
const WRONG_SECONDS = `must be 0 to ${MOST_SECONDS} seconds`;

export const seconds: FieldCodec<number> = {
  encode: (value) => value,
  check: (value) => {
    if (!isWithin(value, 0, MOST_SECONDS)) fail(WRONG_SECONDS);
  },
  decode: (wire) => {
    const value = wire.uint();
    return isWithin(value, 0, MOST_SECONDS) ? value : fail(WRONG_SECONDS);
  },
  fallback: 0,
};

const TIME_BYTES = 6;

/** Unix ms in six bytes, which last until the year 10889; 0 is none. */
export const time: FieldCodec<number> = {
  encode: (value) => {
    if (!isWithin(value, 0, 2 ** 48 - 1)) fail("must be milliseconds since 1970");
    const packed = new Uint8Array(TIME_BYTES);
    for (let i = TIME_BYTES - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256))
      packed[i] = rest % 256;
    return packed;
  },
  check: () => undefined,
  decode: (wire) => {
    const packed = bytes(wire);
    if (packed.length !== TIME_BYTES) fail("must have 6 bytes");
    return packed.reduce((sum, byte) => sum * 256 + byte, 0);
  },
  fallback: 0,
};
