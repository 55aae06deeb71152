/** Lists of ports: of endpoints, of Services and of what is behind them. */
import { entries, fail, isWithin, limited, wellFormed } from "./field-codec.ts";
import type { FieldCodec } from "./field-codec.ts";
import type { Words } from "./words.ts";

export const PROTOCOLS = ["tcp", "udp", "sctp"] as const;
const WRONG_PROTOCOL = "protocol must be tcp, udp or sctp";
const WRONG_PORT = "port must be 1 to 65535";
const WRONG_ORDER = "must ascend by name and protocol, each once";

interface Port {
  readonly name: string;
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly port: number;
}

/**
 * Flat on the wire: name, protocol number, port …
 * @param options `max` ports at most; `names` says which names are taken; with `isAfter` the list
 *   has one order, and `isAfter(before, next)` says whether two neighbours are in it.
 */
export function portList({
  max,
  names,
  isAfter = () => true,
}: {
  readonly max: number;
  readonly names: Words;
  readonly isAfter?: (before: Port | undefined, next: Port) => boolean;
}): FieldCodec<readonly Port[]> {
  return {
    encode: (value) =>
      value.flatMap((p) => [wellFormed(p.name), PROTOCOLS.indexOf(p.protocol), p.port]),
    check: (value) => {
      limited(3 * value.length, 3 * max);
      for (const [i, next] of value.entries()) {
        names.check(next.name);
        if (!PROTOCOLS.includes(next.protocol)) fail(WRONG_PROTOCOL);
        if (!isWithin(next.port, 1, 65_535)) fail(WRONG_PORT);
        if (!isAfter(value[i - 1], next)) fail(WRONG_ORDER);
      }
    },
    decode: (wire) => {
      const count = entries(wire, 3 * max);
      if (count % 3 !== 0) fail("must have name, protocol and port for each");
      const decoded: Port[] = [];
      for (let i = 0; i < count; i += 3) {
        const name = names.read(wire);
        const protocol = PROTOCOLS[wire.uint()];
        if (protocol === undefined) fail(WRONG_PROTOCOL);
        const port = wire.uint();
        if (port < 1) fail(WRONG_PORT);
        const next = { name, protocol, port };
        if (!isAfter(decoded.at(-1), next)) fail(WRONG_ORDER);
        decoded.push(next);
      }
      return decoded;
    },
    fallback: [],
  };
}
