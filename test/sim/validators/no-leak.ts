/**
 * After an Origin has committed that a cluster may not read it, nothing of its log is sent to that
 * cluster, and nothing beyond the scope of its grant; and an Origin that starts sends nothing
 * before it knows at least what the Mesh knew when it started.
 */
import { decodePayload } from "../../../shared/log/payload.ts";
import { decodeRecord } from "../../../shared/record/encoding.ts";
import { fits, scopeOf } from "../scopes.ts";
import type { Happening } from "../history.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

const CONTENT = new Set(["blob", "frame", "catch-up", "checkpoint", "repair-plan"]);

interface Known {
  version: number;
  readers: ReadonlySet<string>;
  scopes: ReadonlyMap<string, string>;
  /** The newest that it has ever committed, and what the Mesh had when the instance started. */
  needed: number;
}

function areShown(payload: Uint8Array, scope: string): boolean {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(decoded.rule);
  return decoded.changes.every((change) => {
    const record = change.op === "put" ? decodeRecord(change.bytes) : null;
    return record === null || (record.ok && fits(record.record, scope));
  });
}

/** Of a reader its pools are told, and only where the reader ever saw who is told. */
function leakedPools(
  truth: Truth,
  everEffective: ReadonlySet<string>,
  { relay, cluster, readerPools }: Extract<Happening, { what: "heard" }>,
): string | null {
  for (const [reader, pools] of readerPools ?? []) {
    if (!everEffective.has(`${reader} ${cluster}`))
      return `${relay} was told of the pools of ${reader}, which never saw its cluster`;
    const known = [...truth.allStates(reader).values()].flatMap((states) =>
      states.flatMap(({ value }) => (value?.channel === "pools" ? value.ips : [])),
    );
    const other = pools.find((cidr) => !known.includes(cidr));
    if (other !== undefined) return `${relay} was told of ${other}, which is no pool of ${reader}`;
  }
  return null;
}

export const noLeak: Validator = {
  name: "NoLeak",
  validate: (history) => {
    const origins = new Map<string, Known>();
    const truth = new Truth();
    const everEffective = new Set<string>();
    for (const { atMs, it } of history) {
      truth.take({ atMs, it });
      if (it.what === "edges") for (const pair of it.effective.keys()) everEffective.add(pair);
      if (it.what === "heard") {
        const told = leakedPools(truth, everEffective, it);
        if (told !== null) return { atMs, message: told };
      }
      // A hub that was restored permits what it permitted then, under the numbers of then.
      if (it.what === "restored") for (const known of origins.values()) known.needed = 0;
      if (it.what === "storage")
        origins.set(it.origin, {
          version: it.access?.version ?? 0,
          readers: it.access?.readers ?? new Set(),
          scopes: it.access?.scopes ?? new Map(),
          needed: origins.get(it.origin)?.needed ?? 0,
        });
      if (it.what === "instance") {
        const known = origins.get(it.origin);
        if (known !== undefined) known.needed = Math.max(known.needed, it.meshVersion);
      }
      if (it.what === "access") {
        const needed = Math.max(origins.get(it.origin)?.needed ?? 0, it.version);
        const { version, readers, scopes = new Map<string, string>() } = it;
        origins.set(it.origin, { version, readers, scopes, needed });
      }
      if (it.what !== "sent" || it.role === "home" || !CONTENT.has(it.message.type)) continue;
      const known = origins.get(it.origin);
      if (it.to === it.origin || known === undefined) continue;
      // After a rollback the facts on disk are older than what is needed, until newer ones are
      // committed.
      if (known.version < known.needed)
        return {
          atMs,
          message: `Origin ${it.origin} sent a ${it.message.type} to ${it.to} knowing access version ${known.version}; ${known.needed} was there before`,
        };
      if (!known.readers.has(it.to))
        return {
          atMs,
          message: `Origin ${it.origin} sent a ${it.message.type} to ${it.to}, which it knows may not read it`,
        };
      const scope = known.scopes.get(it.to);
      if (scope === undefined && "payload" in it.message && it.message.channel === "services")
        return {
          atMs,
          message: `Origin ${it.origin} sent a ${it.message.type} of Services to ${it.to}, whose grant does not name them`,
        };
      if (scope !== undefined && "payload" in it.message && !areShown(it.message.payload, scope))
        return {
          atMs,
          message: `Origin ${it.origin} sent a ${it.message.type} to ${it.to} with what its scope (${scopeOf(scope).name}) does not show`,
        };
    }
    return null;
  },
};
