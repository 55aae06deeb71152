/**
 * One request of the admin API as a value: the hub makes a route and a part of its OpenAPI document
 * of it, the command line and the tests make requests of it and read the answers. [API3]
 */
import { z } from "zod";

import type { Access, OwnerField } from "./roles.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";
/** Statuses of an answer that is not a problem. */
export type SuccessStatus = 200 | 201;

/** Where an answer names the resource of another operation: a parameter → where its value is. */
export interface Link {
  readonly operationId: string;
  /** A JSON pointer into the answer's body, or the name of a parameter of this request's path. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Success {
  readonly description: string;
  readonly links?: Readonly<Record<string, Link>>;
}

export interface Operation<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  /** Of the OpenAPI document; unique. */
  readonly id: string;
  readonly summary: string;
  readonly tag: string;
  readonly method: Method;
  /** With `{name}` for each of `params`. */
  readonly path: string;
  /** The least role that may ask. */
  readonly access: Access;
  /** Where the request names the cluster whose owner may ask too. */
  readonly owner: OwnerField;
  readonly params: Params;
  readonly query: Query;
  /** `null`: a request has none. */
  readonly body: Body | null;
  /** Whether its success has an `ETag`, and whether it takes one in `If-Match`. [API60] */
  readonly tags: "none" | "gives" | "takes" | "both";
  /** Of every success. Unknown fields of a newer hub are left out by who reads it. */
  readonly answer: Answer;
  readonly successes: Readonly<Partial<Record<SuccessStatus, Success>>>;
}

/** What a handler gets: parameters, query and body, checked. */
export interface Given<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}
export type GivenOf<O> =
  O extends Operation<infer P, infer Q, infer B, z.ZodType>
    ? Given<z.output<P>, z.output<Q>, z.output<B>>
    : never;
export type AnswerOf<O extends Operation> = z.output<O["answer"]>;

type Draft<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  A extends z.ZodType,
> = Pick<
  Operation<P, Q, B, A>,
  "id" | "summary" | "tag" | "method" | "path" | "answer" | "successes"
> &
  Partial<Pick<Operation<P, Q, B, A>, "access" | "owner" | "params" | "query" | "body" | "tags">>;

/**
 * A parameter that means nothing to an operation may have been meant to keep something from
 * happening: it is refused. [API10]
 */
const NOTHING = z.strictObject({});
type Nothing = typeof NOTHING;

/** An operation; without `access` for admins, without `params`, `query`, `body`: it has none. */
export function operation<
  A extends z.ZodType,
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = z.ZodUndefined,
>(draft: Draft<P, Q, B, A>): Operation<P, Q, B, A>;
export function operation(draft: Draft<z.ZodType, z.ZodType, z.ZodType, z.ZodType>): Operation {
  return {
    access: "admin",
    owner: null,
    params: NOTHING,
    query: NOTHING,
    body: null,
    tags: "none",
    ...draft,
  };
}
