/**
 * What of wrangler's configuration and its dry run must hold before a deployment to Cloudflare. No
 * reading and no printing here: `deploy-check.js` does both.
 */

/** Compressed, as Cloudflare counts it for its smallest plan. */
export const MAX_GZIP_BYTES = 1_000_000;
/** Each binding of `HubEnvironment`, with its class. */
const OBJECTS = { MESH: "MeshObject", ORIGIN: "OriginObject" };
/** What `worker/index.ts` takes as secrets: `wrangler secret put`. */
export const SECRETS = ["HUB_KEY", "ADMIN_TOKEN_HASH"];
/** From this date on the runtime answers a peer's close by itself, which the hub counts on. */
const EARLIEST_DATE = "2026-04-07";
/** Without the second each connection may ask the hub to deflate again what is deflated. [PRO12] */
const FLAGS = ["nodejs_compat", "no_web_socket_compression"];

/** Of Durable Objects: developers.cloudflare.com/durable-objects/reference/data-location */
export const JURISDICTIONS = ["eu", "us", "fedramp", "fedramp-high"];

/**
 * @typedef {{ name?: string, main?: string, compatibility_date?: string, compatibility_flags?:
 *   readonly string[], vars?: Readonly<Record<string, unknown>>, observability?: { enabled?:
 *   boolean }, durable_objects?: { bindings?: readonly { name: string, class_name: string }[] },
 *   migrations?: readonly { tag: string, new_sqlite_classes?: readonly string[], new_classes?:
 *   readonly string[] }[] }} Config As wrangler reads it, of one environment.
 *
 * @typedef {{ gzipBytes: number, exported: readonly string[] }} Bundle
 */

/**
 * @param {Config} config
 * @param {Bundle} bundle
 * @param {string} today `YYYY-MM-DD`.
 * @returns {readonly string[]} Each with the field and the rule; empty when it may be deployed.
 */
export function problemsOf(config, bundle, today) {
  return [
    ...objectProblems(config, bundle),
    ...runtimeProblems(config, today),
    ...varProblems(config.vars ?? {}),
    ...(bundle.gzipBytes > MAX_GZIP_BYTES
      ? [`the bundle has ${bundle.gzipBytes} bytes compressed, more than ${MAX_GZIP_BYTES}`]
      : []),
  ];
}

/**
 * Where the hub's meshes will be, for people. [DEP9] [DEP12]
 *
 * @param {Config} config Without problems.
 * @returns {string}
 */
export function placesOf({ vars = {} }) {
  const { JURISDICTION: place } = vars;
  return typeof place === "string"
    ? `all meshes in ${place}`
    : `a mesh is where its name says (NAME.${JURISDICTIONS.join(", NAME.")}), else anywhere`;
}

/**
 * @param {Config} config
 * @param {Bundle} bundle
 */
function* objectProblems({ durable_objects: objects, migrations = [] }, { exported }) {
  const bindings = objects?.bindings ?? [];
  const inSqlite = migrations.flatMap((step) => step.new_sqlite_classes ?? []);
  for (const [name, className] of Object.entries(OBJECTS)) {
    if (!bindings.some((one) => one.name === name && one.class_name === className))
      yield `durable_objects.bindings: ${name} must be bound to ${className}`;
    if (!exported.includes(className)) yield `the bundle does not export ${className}`;
    if (inSqlite.filter((one) => one === className).length !== 1)
      yield `migrations: ${className} must be in new_sqlite_classes once`;
  }
  if (migrations.some((step) => (step.new_classes ?? []).length > 0))
    yield "migrations: new_classes have no SQLite; use new_sqlite_classes";
  const tags = migrations.map(({ tag }) => tag);
  if (new Set(tags).size !== tags.length) yield "migrations: each tag may be there once";
}

/**
 * @param {Config} config
 * @param {string} today
 */
function* runtimeProblems({ compatibility_date: date = "", ...config }, today) {
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || date < EARLIEST_DATE || date > today)
    yield `compatibility_date: must be a date from ${EARLIEST_DATE} to today, not "${date}"`;
  for (const flag of FLAGS)
    if (!(config.compatibility_flags ?? []).includes(flag))
      yield `compatibility_flags: ${flag} is missing`;
  if (config.observability?.enabled !== true)
    yield "observability.enabled: must be true, or nobody sees what the hub logs";
}

/** @param {Readonly<Record<string, unknown>>} vars */
function* varProblems(vars) {
  const { JURISDICTION: place } = vars;
  if (place !== undefined && !JURISDICTIONS.some((one) => one === place))
    yield `vars.JURISDICTION: must be one of ${JURISDICTIONS.join(", ")}`;
  for (const [name, value] of Object.entries(vars)) {
    const isSecret = SECRETS.includes(name) || /key|token|secret|password/i.test(name);
    const looksSecret = typeof value === "string" && /^[\w+/=.-]{32,}$|"d"\s*:/.test(value);
    if (isSecret || looksSecret)
      yield `vars.${name}: anybody who reads the configuration reads it; wrangler secret put ${name}`;
  }
}
