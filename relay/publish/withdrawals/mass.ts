/**
 * When so much is missing that a mistake is likelier than a cluster that shrank: an API server that
 * was put back to an empty or foreign store, a wrong kubeconfig. The share counts what the
 * collection has now, not what it had at some time: after a real shrinking nothing stays armed for
 * ever. [PUB3]
 */
const MASS_KEYS = 50;
const MASS_SHARE = 0.3;

/** @param left What the collection still has. */
export function isMass(lost: number, left: number): boolean {
  if (lost === 0) return false;
  return left === 0 || (lost >= MASS_KEYS && lost >= MASS_SHARE * (lost + left));
}
