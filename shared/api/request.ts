/** The client's side of an operation: what to send, and how its answer is read. */
import type { z } from "zod";

import { describeIssues } from "../visibility/field-problem.ts";
import type { AnswerOf, Operation } from "./operation.ts";
import { problemSchema } from "./problem.ts";
import type { Problem } from "./problem.ts";

/** Parameters, query and body of a request, as a caller writes them; only those that it has. */
export type RequestOf<O> =
  O extends Operation<infer P, infer Q, infer B, z.ZodType>
    ? Part<"params", z.input<P>> & Part<"query", z.input<Q>> & Part<"body", z.input<B>>
    : never;
type Part<Name extends string, T> = [T] extends [Record<string, never>]
  ? object
  : undefined extends T
    ? object
    : object extends T
      ? { readonly [K in Name]?: T }
      : { readonly [K in Name]: T };

export interface WireRequest {
  /** In capitals. */
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** JSON; absent: there is none. */
  readonly body?: string;
}

interface Parts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** @param request Its names go into the path as they are, so that the hub says what is wrong. */
export function wireRequest<O extends Operation>(operation: O, request: RequestOf<O>): WireRequest {
  const { params = {}, query = {}, body } = request as Parts;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ""),
  );
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const search = given.length === 0 ? "" : `?${given.join("&")}`;
  return {
    method: operation.method.toUpperCase(),
    path: `${path}${search}`,
    ...(operation.body === null ? {} : { body: JSON.stringify(body ?? {}) }),
  };
}

export type ReadAnswer<T> =
  | { readonly kind: "success"; readonly value: T }
  | { readonly kind: "problem"; readonly problem: Problem }
  /** Nothing that a hub of this API answers. `rule` says what is wrong with it. */
  | { readonly kind: "foreign"; readonly rule: string };

/** Total: whatever came back, in whatever status. */
export function readAnswer<O extends Operation>(
  operation: O,
  status: number,
  text: string,
): ReadAnswer<AnswerOf<O>> {
  const isSuccess = status >= 200 && status < 300;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "foreign", rule: "no JSON" };
  }
  if (!isSuccess) {
    const problem = problemSchema.safeParse(json);
    return problem.success
      ? { kind: "problem", problem: problem.data }
      : { kind: "foreign", rule: "no problem document" };
  }
  const answer = operation.answer.safeParse(json);
  if (answer.success) return { kind: "success", value: answer.data as AnswerOf<O> };
  const [first] = describeIssues(answer.error.issues);
  return { kind: "foreign", rule: `${first?.field}: ${first?.rule}` };
}
