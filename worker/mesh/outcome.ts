/** Outcomes of decisions, as they cross from a Mesh object to the Worker and become HTTP there. */
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";

/** An expected refusal. `detail` is a sentence for a person; `code` is for programs and stays. */
export interface Refusal {
  readonly status: 400 | 401 | 404 | 409 | 410 | 412 | 422 | 428;
  readonly code: string;
  readonly detail: string;
  readonly problems?: readonly FieldProblem[];
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Thrown inside a decision, caught by `Mesh.decide` only: the exception is what rolls its
 * transaction back, so that a refusal found halfway leaves nothing half-applied.
 */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(
    status: Refusal["status"],
    code: string,
    detail: string,
    problems?: readonly FieldProblem[],
  ) {
    super(detail);
    this.refusal = { status, code, detail, ...(problems === undefined ? {} : { problems }) };
  }
}
