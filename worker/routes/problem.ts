/**
 * Every error of the API is `application/problem+json` (RFC 9457), with a `code` that stays and the
 * fields that are wrong. [API1]
 */
import type { Hook } from "@hono/zod-openapi";
import type { Context, Env } from "hono";

import { describeIssues } from "../../shared/visibility/field-problem.ts";
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import type { Outcome } from "../mesh/outcome.ts";
import { NoSuchPlace } from "../place.ts";

const CHALLENGE = 'Bearer realm="catwalk hub"';

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not authenticated",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  410: "Gone",
  412: "Changed meanwhile",
  413: "Too large",
  422: "Not possible",
  426: "Upgrade required",
  428: "Which state it replaces is not said",
  429: "Too many requests",
  500: "Internal error",
  503: "Not available",
};

/** Ends a request with a problem; `onError` turns it into the response. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: readonly FieldProblem[] | undefined;
  /** What HTTP asks an answer of this status to have besides. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    problems?: readonly FieldProblem[],
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.headers = status === 401 ? { "www-authenticate": CHALLENGE, ...headers } : headers;
    this.status = status;
    this.code = code;
    this.problems = problems;
  }
}

export function problemResponse(problem: HttpProblem): Response {
  const body = {
    type: "about:blank",
    title: TITLES[problem.status] ?? "Error",
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(problem.problems === undefined ? {} : { errors: problem.problems }),
  };
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      ...problem.headers,
      // The hub's clock: a relay whose own is wrong corrects itself by it.
      date: new Date().toUTCString(),
    },
  });
}

/** The value of an outcome. @throws HttpProblem for a refusal. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  const { status, code, detail, problems } = outcome.refusal;
  throw new HttpProblem(status, code, detail, problems);
}

/** @throws HttpProblem naming each field and its rule. */
export function badRequest(problems: readonly FieldProblem[], status = 400): never {
  const detail = problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
  throw new HttpProblem(status, status === 400 ? "bad-request" : "not-possible", detail, problems);
}

/** For every router: zod-openapi answers validation errors in a form of its own otherwise. */
export const validationHook: Hook<unknown, Env, string, unknown> = (result) => {
  if (result.success) return;
  const problems = describeIssues(result.error.issues);
  badRequest(
    result.target === "query"
      ? problems.map(({ field, rule }) => ({
          field: `query.${field}`,
          rule: rule.replace("is not a known field", "is not a known query parameter"),
        }))
      : problems,
  );
};

export function onError(error: Error, context: Context): Response {
  if (error instanceof HttpProblem) return problemResponse(error);
  if (error instanceof NoSuchPlace)
    return problemResponse(new HttpProblem(404, "no-such-mesh", error.message));
  const status = "status" in error && typeof error.status === "number" ? error.status : 500;
  // Hono's own: a body that is not JSON.
  if (status === 400) return problemResponse(new HttpProblem(400, "bad-request", error.message));
  if (status === 415)
    return problemResponse(
      new HttpProblem(400, "bad-request", "content-type: must be application/json", [
        { field: "content-type", rule: "must be application/json" },
      ]),
    );
  console.log(
    JSON.stringify({
      level: "error",
      message: "request failed",
      method: context.req.method,
      path: context.req.path,
      error: String(error.stack ?? error),
    }),
  );
  return problemResponse(
    new HttpProblem(
      500,
      "internal",
      "the hub failed to handle this request; its log says why (a full disk, for one)",
    ),
  );
}
