/**
 * A relay that joins shows that it has the key which it names: a JWS by that key over the join
 * token's SHA-256. It is a header, because hubs of the version before refuse a body with a field
 * that they do not know. [CRE24]
 */
export const JOIN_PROOF = {
  header: "catwalk-join-proof",
  /** Of the JWS's header: a proof is never taken for another kind of token. */
  type: "catwalk-join+jwt",
  audience: "catwalk-hub",
} as const;
