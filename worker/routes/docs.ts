/**
 * `/docs`: the OpenAPI document as a page to read. Plain HTML without scripts, made here from the
 * document itself; nothing of it comes from elsewhere, and all text is escaped. [API58]
 */

/** What the page shows of the document. */
interface Shown {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths?: Readonly<Record<string, unknown>> | undefined;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> } | undefined;
}

/** No scripts, no requests: also where something of it were not escaped. */
export const DOCS_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
  "x-content-type-options": "nosniff",
};

const METHODS = ["get", "post", "put", "patch", "delete"] as const;

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f4f5f7;
padding:.6rem;overflow:auto}h3{margin:2rem 0 .2rem}.m{display:inline-block;min-width:4.5rem;
font-weight:600}summary{cursor:pointer}table{border-collapse:collapse}td,th{text-align:left;
padding:.15rem .8rem .15rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}pre{background:#22262b}
a{color:#8ab4f8}}`;

export function docsPage(document: Shown): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = fieldOf(item, method);
      return operation === undefined ? [] : [{ path, method, operation }];
    }),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => tagOf(operation));
  const sections = [...byTag].map(
    ([tag, all]) => `<h2 id="${esc(tag)}">${esc(tag)}</h2>\n${all.map(sectionOf).join("")}`,
  );
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<details id="schema-${esc(name)}"><summary><code>${esc(name)}</code></summary>${json(schema)}</details>\n`,
  );
  const contents = [...byTag.keys(), "Schemas"].map(
    (tag) => `<a href="#${esc(tag)}">${esc(tag)}</a>`,
  );
  const { title, version } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${esc(title)} ${esc(version)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>${esc(title)} ${esc(version)}</h1>
<p>${contents.join(" · ")} · <a href="/v1/openapi.json">openapi.json</a></p>
${sections.join("")}<h2 id="Schemas">Schemas</h2>
${schemas.join("")}</body></html>
`;
}

function sectionOf({
  path,
  method,
  operation,
}: {
  readonly path: string;
  readonly method: string;
  readonly operation: unknown;
}): string {
  const text = (field: string): string => textOf(operation, field);
  const parameters = listOf(fieldOf(operation, "parameters")).map(
    (parameter) =>
      `<tr><td><code>${esc(textOf(parameter, "name"))}</code></td><td>${esc(textOf(parameter, "in"))}</td><td>${json(fieldOf(parameter, "schema") ?? {})}</td></tr>`,
  );
  const body = schemaIn(fieldOf(operation, "requestBody"));
  const responses = Object.entries(fieldOf(operation, "responses") ?? {}).map(
    ([status, response]) =>
      `<tr><td><code>${esc(status)}</code></td><td>${esc(textOf(response, "description"))}${status.startsWith("2") ? json(schemaIn(response) ?? {}) : ""}</td></tr>`,
  );
  return `<h3 id="${esc(text("operationId"))}">${esc(text("summary"))}</h3>
<p><span class="m">${esc(method.toUpperCase())}</span><code>${esc(path)}</code><br>${esc(text("description"))}</p>
<details><summary>parameters, body, answers</summary>
${parameters.length === 0 ? "" : `<table>${parameters.join("")}</table>`}
${body === undefined ? "" : `<p>Body</p>${json(body)}`}
<table>${responses.join("")}</table></details>
`;
}

function tagOf(operation: unknown): string {
  const [tag] = listOf(fieldOf(operation, "tags"));
  return typeof tag === "string" ? tag : "Other";
}

/** The schema of a body or an answer. */
function schemaIn(holder: unknown): unknown {
  const [media] = Object.values(fieldOf(holder, "content") ?? {});
  return fieldOf(media, "schema");
}

/** A document's JSON; names of schemas in it lead to them. */
function json(value: unknown): string {
  const text = esc(JSON.stringify(value, null, 2));
  const linked = text.replaceAll(
    /#\/components\/schemas\/(\w+)/g,
    (_, name: string) => `<a href="#schema-${name}">${name}</a>`,
  );
  return `<pre>${linked}</pre>`;
}

function fieldOf(value: unknown, field: string): object | string | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, field)) return undefined;
  const found: unknown = Reflect.get(value, field);
  return typeof found === "string" || (typeof found === "object" && found !== null)
    ? found
    : undefined;
}

/** Empty where it is no text. */
function textOf(value: unknown, field: string): string {
  const found = fieldOf(value, field);
  return typeof found === "string" ? found : "";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function esc(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}
