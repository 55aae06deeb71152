/** What a Mesh object keeps of a token of the admin API. */
export type TokenRole = "viewer" | "editor" | "admin" | "owner";

/** Id: SHA-256 of the token's text, hex. */
export interface ApiTokenRow {
  /** How it is named and taken back. */
  readonly tokenId: string;
  readonly name: string;
  readonly role: TokenRole;
  /** Of an owner. */
  readonly clusterUid: string | null;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** To the hour: a token in use writes no row a request. */
  readonly lastUsedMs: number | null;
}
