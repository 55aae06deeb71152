/**
 * A Kubernetes Lease: of several programs of a cluster one does what only one may do. What is to be
 * done next is a pure function of what was seen; times are this machine's own since it saw the
 * Lease change, so that no two clocks are compared. Reusable for whatever one relay does alone.
 * Source: client-go tools/leaderelection (durations and rules). [SVC30]
 */

/** A Lease as it was seen. */
export interface LeaseView {
  /** Empty: nobody holds it. */
  readonly holder: string;
  readonly durationSeconds: number;
  readonly renewTime: string;
  readonly acquireTime: string;
  readonly transitions: number;
  readonly resourceVersion: string;
}

export interface LeaseState {
  /** `null`: there is none. `undefined`: it was never seen. */
  readonly view: LeaseView | null | undefined;
  /** When it was seen in another form than before. */
  readonly changedMs: number;
  /** Until when this program holds it, whatever becomes of its requests. */
  readonly heldUntilMs: number;
}

export const UNSEEN: LeaseState = { view: undefined, changedMs: 0, heldUntilMs: 0 };

export const LEASE_SECONDS = 15;
/** A holder that could not renew for so long stops, well before another may begin. */
const RENEW_WITHIN_MS = 10_000;
export const LEASE_RETRY_MS = 2_000;

/** Fields of `spec` to be written. */
export interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

export type LeaseStep =
  | { readonly kind: "create"; readonly spec: LeaseSpec }
  /** Only over this version: who was faster has it. */
  | { readonly kind: "update"; readonly spec: LeaseSpec; readonly resourceVersion: string }
  /** Another holds it. */
  | { readonly kind: "wait" };

/** After the Lease was read, or was found not to be there. */
export function leaseSeen(state: LeaseState, view: LeaseView | null, nowMs: number): LeaseState {
  const isNew = state.view === undefined || view?.resourceVersion !== state.view?.resourceVersion;
  return { ...state, view, changedMs: isNew ? nowMs : state.changedMs };
}

/** After a write of this program was taken, which had begun at `beganMs`. */
export function leaseTaken(view: LeaseView, beganMs: number): LeaseState {
  return { view, changedMs: beganMs, heldUntilMs: beganMs + RENEW_WITHIN_MS };
}

export function isHeld(state: LeaseState, nowMs: number): boolean {
  return nowMs < state.heldUntilMs;
}

/** @param wallMs For the fields that people read. */
export function nextLeaseStep(
  state: LeaseState,
  me: string,
  nowMs: number,
  wallMs: number,
): LeaseStep {
  const { view } = state;
  if (view === undefined) return { kind: "wait" };
  const at = microTime(wallMs);
  const fresh = { holderIdentity: me, leaseDurationSeconds: LEASE_SECONDS, renewTime: at };
  if (view === null)
    return { kind: "create", spec: { ...fresh, acquireTime: at, leaseTransitions: 0 } };
  const { resourceVersion, acquireTime, transitions } = view;
  if (view.holder === me)
    return {
      kind: "update",
      resourceVersion,
      spec: { ...fresh, acquireTime: acquireTime || at, leaseTransitions: transitions },
    };
  if (view.holder !== "" && nowMs - state.changedMs < view.durationSeconds * 1_000)
    return { kind: "wait" };
  return {
    kind: "update",
    resourceVersion,
    spec: { ...fresh, acquireTime: at, leaseTransitions: transitions + 1 },
  };
}

/** What gives the Lease back at once; `null`: it is not this program's. */
export function releaseStep(state: LeaseState, me: string, wallMs: number): LeaseStep | null {
  const { view } = state;
  if (view === null || view === undefined || view.holder !== me) return null;
  const at = microTime(wallMs);
  return {
    kind: "update",
    resourceVersion: view.resourceVersion,
    spec: {
      holderIdentity: "",
      leaseDurationSeconds: 1,
      acquireTime: at,
      renewTime: at,
      leaseTransitions: view.transitions,
    },
  };
}

/** Kubernetes' MicroTime has six digits behind the point, and takes no other number of them. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}
