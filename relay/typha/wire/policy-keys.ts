/**
 * The two forms in which Typha writes the key of one policy: `/calico/v1/policy/<Kind>/…` since
 * 3.32, before that `/calico/v1/policy/tier/<tier>/policy/…`. A Felix < 3.32 reads the second only;
 * a later one takes both for one policy, so that a deletion of the one ends what a put of the other
 * has begun (calico v3.32.1 libcalico-go/lib/backend/model/policy.go). [TYP16] [TYP17]
 */
export type PolicyKeyForm = "modern" | "legacy";

const POLICY_PATH = Buffer.from("/calico/v1/policy/");
const TIER = Buffer.from("tier/");
const POLICY = Buffer.from("/policy/");
/** Where the paths of nearly all other keys differ. */
const TELLING = "/calico/v1/".length;

/** The form of a key in `bytes`; `null` for any that is no policy's. */
export function policyKeyForm(bytes: Uint8Array, from: number, to: number): PolicyKeyForm | null {
  if (bytes[from + TELLING] !== POLICY_PATH[TELLING]) return null;
  const at = from + POLICY_PATH.length;
  if (at >= to || !isAt(bytes, from, to, POLICY_PATH)) return null;
  const first = bytes[at] ?? 0;
  if (first >= 0x41 && first <= 0x5a) return "modern";
  if (!isAt(bytes, at, to, TIER)) return null;
  const tierEnd = bytes.indexOf(0x2f, at + TIER.length);
  return tierEnd >= 0 && isAt(bytes, tierEnd, to, POLICY) ? "legacy" : null;
}

function isAt(bytes: Uint8Array, at: number, to: number, wanted: Uint8Array): boolean {
  if (at + wanted.length > to) return false;
  for (let n = 0; n < wanted.length; n++) if (bytes[at + n] !== wanted[n]) return false;
  return true;
}
