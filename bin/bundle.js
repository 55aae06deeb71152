/**
 * Makes what the images ship: `npm run bundle [-- FOLDER] [-- --arch amd64,arm64]` writes
 * `FOLDER/relay` and `FOLDER/hub` (default `.build/dist`). In both is `catwalk.js` with all
 * packages in it, beside the modules that it loads when they are needed, a bill of materials and
 * the licences. The hub has the Worker and the workerd of each architecture too. [DEP4]
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { build } from "esbuild";

import { ROOT, run } from "./runtime.js";
import { componentsOf, cycloneDx, licenseTexts } from "./sbom.js";

/** Names of container platforms, and of npm's. @type {Readonly<Record<string, string>>} */
const WORKERD = { amd64: "workerd-linux-64", arm64: "workerd-linux-arm64" };
const CPU = { amd64: "x64", arm64: "arm64" };
const OWN_ARCH = process.arch === "arm64" ? "arm64" : "amd64";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { arch: { type: "string", default: OWN_ARCH } },
});
const architectures = values.arch.split(",");
const unknown = architectures.find((name) => !Object.hasOwn(WORKERD, name));
if (positionals.length > 1 || unknown !== undefined) {
  console.error("usage: node bin/bundle.js [FOLDER] [--arch amd64,arm64]");
  process.exit(2);
}
const folder = resolve(positionals[0] ?? join(ROOT, ".build/dist"));
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

await bundleRelay(join(folder, "relay"));
await bundleHub(join(folder, "hub"));

/** @param {string} outdir */
async function bundleRelay(outdir) {
  const files = await bundleProgram(outdir);
  finish("catwalk-relay", outdir, componentsOf(ROOT, files));
}

/** @param {string} outdir */
async function bundleHub(outdir) {
  const files = [...(await bundleProgram(outdir)), ...(await bundleWorker(outdir))];
  for (const arch of architectures) await addWorkerd(arch, join(outdir, `workerd-${arch}`));
  files.push("node_modules/workerd/package.json");
  finish("catwalk-hub", outdir, componentsOf(ROOT, files));
}

/**
 * The whole command line; commands are modules of their own, so that one starts in a third of the
 * time that all of them take.
 * @param {string} outdir
 * @returns {Promise<readonly string[]>} The files that are in it.
 */
async function bundleProgram(outdir) {
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: {
      catwalk: "cli/main.ts",
      // A thread's program, beside the modules, one of which begins it.
      "modules/list-thread": "relay/source/etcd/list-thread.ts",
    },
    outdir,
    chunkNames: "modules/[name]-[hash]",
    bundle: true,
    // Names stay as they are: stack traces show them.
    minifySyntax: true,
    minifyWhitespace: true,
    splitting: true,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Binaries; `msgpackr-extract` is asked for, and done without.
    external: ["esbuild", "workerd", "msgpackr-extract"],
    // Types alone: nothing of it changes what is made.
    tsconfigRaw: {},
    banner: {
      // For packages that are CommonJS still.
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url),__dirname=import.meta.dirname,__filename=import.meta.filename;',
    },
    // They are in LICENSES.txt.
    legalComments: "none",
    logLevel: "warning",
  });
  writeFileSync(join(outdir, "package.json"), '{"type":"module"}\n');
  return inOutput(metafile);
}

/**
 * As `catwalk hub` makes it itself in a checkout: `cli/launch/bundle.ts`.
 * @param {string} outdir
 */
async function bundleWorker(outdir) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ["worker/index.ts"],
    outfile: join(outdir, "worker.js"),
    bundle: true,
    metafile: true,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import"],
    external: ["node:*", "cloudflare:*"],
    tsconfigRaw: {},
    legalComments: "none",
    logLevel: "warning",
  });
  return inOutput(metafile);
}

/** Without those of which nothing was left. @param {import("esbuild").Metafile} metafile */
function inOutput(metafile) {
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [file] : [],
    ),
  );
}

/**
 * The binary that the lock file pins: from node_modules where it is this machine's, else from the
 * registry.
 * @param {string} arch
 * @param {string} target
 */
async function addWorkerd(arch, target) {
  const name = `@cloudflare/${WORKERD[arch]}`;
  const from =
    arch === OWN_ARCH && process.platform === "linux" ? ROOT : await fetchPackage(name, arch);
  const binary = join(from, "node_modules", name, "bin/workerd");
  mkdirSync(dirname(target), { recursive: true });
  cpSync(binary, target);
  chmodSync(target, 0o755);
}

/**
 * @param {string} name
 * @param {string} arch
 * @returns {Promise<string>} The folder with its node_modules.
 */
async function fetchPackage(name, arch) {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const pinned = packages[`node_modules/${name}`];
  // Optional, because npm refuses others for another machine than this.
  const optionalDependencies = { [name]: pinned.version };
  const root = { name: "catwalk-workerd", private: true, optionalDependencies };
  const at = join(ROOT, ".build", WORKERD[arch] ?? arch);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "package.json"), JSON.stringify(root));
  writeFileSync(
    join(at, "package-lock.json"),
    JSON.stringify({
      name: root.name,
      lockfileVersion: 3,
      packages: { "": root, [`node_modules/${name}`]: pinned },
    }),
  );
  const cpu = CPU[/** @type {keyof typeof CPU} */ (arch)];
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const args = ["ci", `--prefix=${at}`, "--os=linux", `--cpu=${cpu}`, ...quiet];
  const status = await run("npm", args, process.env, "inherit", false, at);
  if (status !== 0) throw new Error(`npm ci of ${name} ended with status ${status}`);
  return at;
}

/**
 * @param {string} name
 * @param {string} outdir
 * @param {readonly import("./sbom.js").Component[]} components
 */
function finish(name, outdir, components) {
  const bom = cycloneDx({ name, version }, components);
  writeFileSync(join(outdir, "sbom.cdx.json"), `${JSON.stringify(bom, null, 2)}\n`);
  writeFileSync(join(outdir, "LICENSES.txt"), licenseTexts(ROOT, components));
  cpSync(join(ROOT, "LICENSE"), join(outdir, "LICENSE"));
  const bytes = readdirSync(outdir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  console.log(
    `${outdir}: ${(bytes / 1e6).toFixed(1)} MB, ${components.length} packages in sbom.cdx.json`,
  );
}
