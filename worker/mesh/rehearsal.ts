/**
 * A change of grants or RCCs that is made and taken back: it is refused where the change would be,
 * and says who would be shown what. Nothing stays of it. [API50]
 */
import { RangeSet } from "../../shared/ip/range-set.ts";
import { parseCidr } from "../../shared/ip/cidr.ts";
import { isEffective } from "../../shared/visibility/access.ts";
import type { ClusterRef } from "../../shared/visibility/facts.ts";
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { Shown } from "../ports.ts";
import type { CallNames } from "./calls-by-name.ts";
import type { IfMatch } from "./entity-tag.ts";
import { applyGrant, createGrant, deleteGrant } from "./grants.ts";
import type { Grant } from "./grants.ts";
import type { Mesh } from "./mesh.ts";
import type { Outcome } from "./outcome.ts";
import type { ApiWriter } from "./owner.ts";
import { applyRcc, deleteRcc } from "./rccs.ts";
import type { Rcc } from "./rccs.ts";

/** What an edge would show, were the other half of it there. */
export interface EdgeEffect {
  readonly origin: ClusterRef;
  readonly reader: ClusterRef;
  readonly before: Shown;
  readonly after: Shown;
  /** What else it needs before anything is visible. */
  readonly waitsFor: "rcc" | "grant" | "resume" | null;
  /** Ranges of the origin in which others, whom the reader sees, may have the same addresses. */
  readonly shared: readonly string[];
  readonly rivals: readonly { readonly cluster: ClusterRef; readonly shown: Shown }[];
}

export interface Rehearsal<T> {
  readonly meshId: string;
  readonly value: T;
  readonly edges: readonly EdgeEffect[];
}
export type Rehearsed<T> = Promise<Outcome<Rehearsal<T>>>;

export interface RehearsalCalls {
  createGrant(
    origin: string,
    reader: string,
    scope: Scope | null,
  ): Rehearsed<{ readonly grant: Grant }>;
  applyGrant(
    origin: string,
    reader: string,
    scope: Scope | null,
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Rehearsed<{ readonly grant: Grant }>;
  deleteGrant(
    origin: string,
    reader: string,
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Rehearsed<object>;
  applyRcc(
    cluster: string,
    request: RccRequest,
    mode: "create" | "apply",
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Rehearsed<{ readonly rcc: Rcc }>;
  deleteRcc(
    cluster: string,
    name: string,
    writer?: ApiWriter,
    ifMatch?: IfMatch,
  ): Rehearsed<object>;
}

export const REHEARSAL_CALLS: CallNames<RehearsalCalls> = {
  createGrant: true,
  applyGrant: true,
  deleteGrant: true,
  applyRcc: true,
  deleteRcc: true,
};

/** Which half of an edge is changed. */
type Half = "grant" | "rcc";
/** By origin and reader. */
type Pair = readonly [origin: string, reader: string];

/** Takes a transaction back that has come to its end. */
class TakenBack<T> extends Error {
  readonly rehearsal: Rehearsal<T>;

  constructor(rehearsal: Rehearsal<T>) {
    super("taken back");
    this.rehearsal = rehearsal;
  }
}

export class MeshRehearsal implements RehearsalCalls {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  async createGrant(...args: Parameters<RehearsalCalls["createGrant"]>) {
    const [origin, reader, scope] = args;
    return this.#rehearse("grant", this.#pairOf(origin, reader), () => ({
      grant: createGrant(this.#mesh, origin, reader, scope),
    }));
  }

  async applyGrant(...args: Parameters<RehearsalCalls["applyGrant"]>) {
    const [origin, reader] = args;
    return this.#rehearse("grant", this.#pairOf(origin, reader), () =>
      applyGrant(this.#mesh, ...args),
    );
  }

  async deleteGrant(...args: Parameters<RehearsalCalls["deleteGrant"]>) {
    const [origin, reader] = args;
    return this.#rehearse("grant", this.#pairOf(origin, reader), () => {
      deleteGrant(this.#mesh, ...args);
      return {};
    });
  }

  async applyRcc(...args: Parameters<RehearsalCalls["applyRcc"]>) {
    const [cluster, request] = args;
    return this.#rehearse("rcc", this.#pairsOf(cluster, request.name, request.remoteName), () =>
      applyRcc(this.#mesh, ...args),
    );
  }

  async deleteRcc(...args: Parameters<RehearsalCalls["deleteRcc"]>) {
    const [cluster, name] = args;
    return this.#rehearse("rcc", this.#pairsOf(cluster, name, null), () => {
      deleteRcc(this.#mesh, ...args);
      return {};
    });
  }

  #rehearse<T>(half: Half, pairs: readonly Pair[], work: () => T): Outcome<Rehearsal<T>> {
    const mesh = this.#mesh;
    try {
      return mesh.ask(() =>
        mesh.store.transaction(() => {
          const before = pairs.map((pair) => shownNow(mesh, pair, half));
          const value = work();
          const edges = pairs.flatMap((pair, index) => edgeOf(mesh, pair, half, before[index]));
          throw new TakenBack({ meshId: mesh.requireMesh().id, value, edges });
        }),
      );
    } catch (error) {
      if (error instanceof TakenBack) return { ok: true, value: error.rehearsal as Rehearsal<T> };
      throw error;
    }
  }

  #pairOf(origin: string, reader: string): readonly Pair[] {
    const [originUid, readerUid] = [this.#uidOf(origin), this.#uidOf(reader)];
    return originUid === null || readerUid === null ? [] : [[originUid, readerUid]];
  }

  /** An RCC of this name may name another remote now. */
  #pairsOf(cluster: string, rcc: string, remoteName: string | null): readonly Pair[] {
    const readerUid = this.#uidOf(cluster);
    if (readerUid === null) return [];
    const now = this.#mesh.rccsOf(readerUid).find(({ name }) => name === rcc)?.remoteUid;
    const next = remoteName === null ? null : this.#uidOf(remoteName);
    const uids = new Set([now, next].flatMap((uid) => uid ?? []));
    return [...uids].map((uid) => [uid, readerUid]);
  }

  #uidOf(name: string): string | null {
    return this.#mesh.store.get("names", name)?.uid ?? null;
  }
}

/** Were the other half there. */
function shownNow(mesh: Mesh, [origin, reader]: Pair, half: Half): Shown {
  const grant = mesh.grantOf(origin, reader);
  if (grant === undefined || (half === "rcc" && mesh.rccTo(reader, origin) === undefined))
    return "nothing";
  return grant.scope ?? "all";
}

function edgeOf(mesh: Mesh, pair: Pair, half: Half, before: Shown = "nothing"): EdgeEffect[] {
  const [origin, reader] = pair.map((uid) => mesh.member(uid));
  if (origin === undefined || reader === undefined) return [];
  const after = shownNow(mesh, pair, half);
  const ranges = mesh.ranges(origin.uid).shared ?? [];
  const rivals = after === "nothing" ? [] : rivalsOf(mesh, pair, ranges);
  return [
    {
      origin: { uid: origin.uid, name: origin.name },
      reader: { uid: reader.uid, name: reader.name },
      before,
      after,
      waitsFor: waitsFor(mesh, pair, half),
      shared: rivals.length === 0 ? [] : ranges,
      rivals,
    },
  ];
}

function waitsFor(mesh: Mesh, [origin, reader]: Pair, half: Half): EdgeEffect["waitsFor"] {
  if (half === "grant" && mesh.rccTo(reader, origin) === undefined) return "rcc";
  if (half === "rcc" && mesh.grantOf(origin, reader) === undefined) return "grant";
  const isSuspended = [origin, reader].some((uid) => mesh.member(uid)?.suspended === true);
  return isSuspended ? "resume" : null;
}

/** The reader itself and the others that it sees, where their shared ranges meet these. */
function rivalsOf(mesh: Mesh, [origin, reader]: Pair, ranges: readonly string[]) {
  if (ranges.length === 0) return [];
  const set = new RangeSet(ranges);
  const others = mesh
    .rccsOf(reader)
    .map(({ remoteUid }) => remoteUid)
    .filter((uid) => uid !== origin && isEffective(mesh, reader, uid));
  return [reader, ...others].flatMap((uid) => {
    const member = mesh.member(uid);
    const meets = (mesh.ranges(uid).shared ?? []).some((text) => {
      const cidr = parseCidr(text);
      return cidr !== null && set.overlaps(cidr);
    });
    if (member === undefined || !meets) return [];
    const shown: Shown = uid === reader ? "all" : (mesh.grantOf(uid, reader)?.scope ?? "all");
    return [{ cluster: { uid, name: member.name }, shown }];
  });
}
