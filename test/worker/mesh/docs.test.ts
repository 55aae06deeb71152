/** The admin API as a page to read. */
import { expect, test } from "vitest";

import { docsPage, esc } from "../../../worker/routes/docs.ts";
import { OPERATIONS } from "../../support/operations.ts";
import { TestHub } from "./support.ts";

test("[API58] /docs shows every operation of the document, without scripts or requests elsewhere", async () => {
  const hub = new TestHub();
  const answer = await hub.app.request("/docs");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  const page = await answer.text();
  for (const { id, summary, path } of OPERATIONS) {
    expect(page).toContain(`<h3 id="${id}">${esc(summary)}</h3>`);
    expect(page).toContain(`<code>${esc(path)}</code>`);
  }
  expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/i);
  for (const [, href] of page.matchAll(/href="([^"]*)"/g)) expect(href).toMatch(/^(#|\/v1\/)/);
  // What is linked to is there.
  for (const [, name] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${name}"`);
  expect((await hub.app.request("/docs", { method: "POST" })).status).toBe(405);
});

test("[API58] whatever is in the document is text", () => {
  const evil = `"><script>alert('x')</script>&`;
  const operation = {
    operationId: evil,
    summary: evil,
    description: evil,
    tags: [evil],
    parameters: [{ name: evil, in: evil, schema: { description: evil } }],
    requestBody: { content: { [evil]: { schema: { [evil]: evil } } } },
    responses: { [`2${evil}`]: { description: evil, content: { a: { schema: evil } } } },
  };
  const page = docsPage({
    info: { title: evil, version: evil },
    paths: { [evil]: { get: operation, post: null, put: "x", delete: [] } },
    components: { schemas: { [evil]: { description: evil } } },
  });
  expect(page).not.toContain("<script");
  expect(page).not.toContain("alert('x')");
  expect(page).toContain("&lt;script&gt;");
});
