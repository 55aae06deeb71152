/** Tokens of the admin API: hashes, each with a role in this mesh and an end. [API40] */
import { meshNameIn } from "../../../shared/lib/mesh-name.ts";
import type { CallNames } from "../calls-by-name.ts";
import { hashToken } from "../membership.ts";
import type { Mesh } from "../mesh.ts";
import { Refused } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import type { ApiTokenRow, TokenRole } from "./token-row.ts";

export interface ApiToken extends ApiTokenRow {
  readonly cluster: string | null;
}

export interface NewApiToken {
  readonly name: string;
  readonly role: TokenRole;
  /** Name. */
  readonly cluster: string | null;
  readonly expiresSeconds: number;
}

/** Who asks, as the token says. */
export interface TokenHolder {
  readonly role: TokenRole;
  /** Name of an owner's cluster. */
  readonly cluster: string | null;
  /** For the audit. */
  readonly who: string;
  readonly tokenId: string;
}

export interface TokenCalls {
  createToken(
    given: NewApiToken,
    who: string,
  ): Promise<Outcome<{ readonly token: string; readonly details: ApiToken }>>;
  listTokens(): Promise<Outcome<readonly ApiToken[]>>;
  deleteToken(tokenId: string, who: string): Promise<Outcome<object>>;
  /** `null`: no token of this mesh, one that has expired, or of a cluster that is gone. */
  authenticate(tokenHash: string): Promise<TokenHolder | null>;
}

export const TOKEN_CALLS: CallNames<TokenCalls> = {
  createToken: true,
  listTokens: true,
  deleteToken: true,
  authenticate: true,
};

const MOST_TOKENS = 1_000;
const USE_NOTED_MS = 3_600_000;

/** `cwt_<mesh>_<secret>` names the mesh that knows it; `null` for anything else. */
export function meshOfApiToken(token: string): string | null {
  return meshNameIn(token, "cwt");
}

export class ApiTokens implements TokenCalls {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  async createToken(given: NewApiToken, who: string): ReturnType<TokenCalls["createToken"]> {
    const { store, environment, audit } = this.#mesh;
    return this.#decide(() => {
      const { name: meshName } = this.#mesh.requireMesh();
      if ((given.role === "owner") !== (given.cluster !== null))
        throw new Refused(422, "not-possible", "cluster: is for the role owner, which needs it", [
          { field: "cluster", rule: "is for the role owner, which needs it" },
        ]);
      const nowMs = environment.clock.now();
      for (const [id, row] of store.list("apitokens"))
        if (row.expiresMs <= nowMs) store.delete("apitokens", id);
      if (store.count("apitokens") >= MOST_TOKENS)
        throw new Refused(422, "too-many", `a mesh has at most ${MOST_TOKENS} tokens`);
      const clusterUid =
        given.cluster === null ? null : this.#mesh.requireCluster(given.cluster).uid;
      const token = `cwt_${meshName}_${environment.randomHex(24)}`;
      const row: ApiTokenRow = {
        tokenId: `tok_${environment.randomHex(8)}`,
        name: given.name,
        role: given.role,
        clusterUid,
        createdMs: nowMs,
        expiresMs: nowMs + given.expiresSeconds * 1000,
        lastUsedMs: null,
      };
      store.put("apitokens", hashToken(token), row);
      audit.operator(who, "token create", `${row.tokenId} ${row.name} (${row.role})`);
      return { token, details: this.#show(row) };
    });
  }

  async listTokens(): ReturnType<TokenCalls["listTokens"]> {
    return this.#mesh.ask(() => {
      this.#mesh.requireMesh();
      return this.#mesh.store
        .list("apitokens")
        .map(([, row]) => this.#show(row))
        .toSorted((a, b) => a.createdMs - b.createdMs);
    });
  }

  async deleteToken(tokenId: string, who: string): ReturnType<TokenCalls["deleteToken"]> {
    return this.#decide(() => {
      this.#mesh.requireMesh();
      const { store, audit } = this.#mesh;
      const [id] = store.list("apitokens").find(([, row]) => row.tokenId === tokenId) ?? [];
      if (id === undefined) throw new Refused(404, "no-such-token", `there is no token ${tokenId}`);
      store.delete("apitokens", id);
      audit.operator(who, "token delete", tokenId);
      return {};
    });
  }

  async authenticate(tokenHash: string): Promise<TokenHolder | null> {
    const { store, environment } = this.#mesh;
    const row = this.#mesh.row() === undefined ? undefined : store.get("apitokens", tokenHash);
    const nowMs = environment.clock.now();
    if (row === undefined || row.expiresMs <= nowMs) return null;
    const cluster = row.clusterUid === null ? null : this.#mesh.member(row.clusterUid);
    // A cluster of the same name that was added later is another one's.
    if (cluster === undefined || cluster?.removed === true) return null;
    if (row.lastUsedMs === null || Math.abs(nowMs - row.lastUsedMs) >= USE_NOTED_MS)
      store.transaction(() => store.put("apitokens", tokenHash, { ...row, lastUsedMs: nowMs }));
    const who = `token ${row.name} (${row.role})`;
    return { role: row.role, cluster: cluster?.name ?? null, who, tokenId: row.tokenId };
  }

  #show(row: ApiTokenRow): ApiToken {
    const cluster = row.clusterUid === null ? null : this.#mesh.member(row.clusterUid);
    return { ...row, cluster: cluster?.name ?? null };
  }

  #decide<T>(work: () => T): Outcome<T> {
    const decided = this.#mesh.decide(work);
    return decided.ok ? { ok: true, value: decided.value.value } : decided;
  }
}
