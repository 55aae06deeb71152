/**
 * What is installed into node_modules, and when: to run (`--omit=dev`), or to test (everything).
 * Plain JavaScript without dependencies for Node 20.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { findNode, NODE_FOLDER, ROOT, run } from "./runtime.js";

/**
 * @typedef {"run" | "test"} Extent
 * @typedef {{ dev?: boolean, optional?: boolean, link?: boolean, version?: string, bin?:
 *   Record<string, string>, os?: string | readonly string[], cpu?: string | readonly string[],
 *   libc?: string | readonly string[], }} LockedPackage
 */

const BEAT_MS = 2_000;
/** A line is printed for every fifth of the packages, and after so many beats without one. */
const QUIET_BEATS = 5;
const RECORD = join(ROOT, "node_modules/.package-lock.json");
/** Without --ignore-scripts packages could run code of theirs here; none of ours needs to. */
const QUIET = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/**
 * Installs what is missing, and says what it does while it does it.
 * @param {Extent} extent
 * @returns {Promise<number>} Exit status: 0 when all is there.
 */
export async function install(extent) {
  const isRunnable = isInstalled("run");
  if (!isInstalled(extent)) {
    const what = extent === "run" ? "what running Catwalk needs" : "what its tests need";
    console.log(`installing ${what} into node_modules (once; about ${SIZES[extent]} MB) …`);
    // `npm ci` empties node_modules, from which a hub may be running: what is there is added to.
    const args = isRunnable ? ["install", "--no-save"] : ["ci"];
    const omit = extent === "run" ? ["--omit=dev"] : [];
    const status = await npm([...args, ...omit, `--prefix=${ROOT}`], ROOT, wanted(extent));
    if (status !== 0) return failed(RECORD, status);
    if (extent === "run") removeOtherRuntimes();
  }
  return findNode() === null ? installNode() : 0;
}

/**
 * `tar-fs`, which the Kubernetes client brings along, brings modules for the runtime Bare: 9 MB.
 */
function removeOtherRuntimes() {
  const folder = join(ROOT, "node_modules");
  for (const name of readdirSync(folder))
    if (name.startsWith("bare-")) rmSync(join(folder, name), { recursive: true });
}

const SIZES = { run: 250, test: 650 };

/**
 * Installed means: npm wrote its own record of node_modules after the lock file last changed, and
 * what only tests need is in it where it is wanted.
 * @param {Extent} extent
 */
function isInstalled(extent) {
  if (!existsSync(RECORD)) return false;
  if (statSync(RECORD).mtimeMs < statSync(join(ROOT, "package-lock.json")).mtimeMs) return false;
  return extent === "run" || existsSync(join(ROOT, "node_modules/vitest/package.json"));
}

/** @returns {Record<string, LockedPackage>} By their folder. */
function locked() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return packages ?? {};
}

/**
 * Folders of the packages that npm will make here.
 * @param {Extent} extent
 */
function wanted(extent) {
  return Object.entries(locked())
    .filter(
      ([folder, { dev, link }]) =>
        folder.startsWith("node_modules/") && link !== true && (extent === "test" || dev !== true),
    )
    .filter(
      ([, { os, cpu, libc }]) =>
        isFor(os, process.platform) &&
        isFor(cpu, process.arch) &&
        ![libc ?? []].flat().includes("musl"),
    )
    .map(([folder]) => join(ROOT, folder));
}

/**
 * @param {string | readonly string[] | undefined} names As a package gives them: one, or a list.
 * @param {string} own
 */
function isFor(names, own) {
  const list = names === undefined ? [] : [names].flat();
  const isOther = (/** @type {string} */ name) => name.startsWith("!") && name !== `!${own}`;
  return list.length === 0 || list.includes(own) || list.some(isOther);
}

/**
 * The pinned Node.js alone, for a machine whose own is too old to run TypeScript.
 * @returns {Promise<number>}
 */
async function installNode() {
  const name = `node-${process.platform}-${process.arch}`;
  const entry = locked()[`node_modules/${name}`];
  if (entry?.version === undefined) {
    console.error(
      `this Node.js (${process.versions.node}) is too old, and npm has none for this platform`,
    );
    return 1;
  }
  console.log(
    `installing Node.js ${entry.version}, because ${process.versions.node} is too old (once; about 125 MB) …`,
  );
  mkdirSync(NODE_FOLDER, { recursive: true });
  const dependencies = { [name]: entry.version };
  const root = { name: "catwalk-node", private: true, dependencies };
  const { dev: _dev, optional: _optional, ...pinned } = entry;
  const packages = { "": root, [`node_modules/${name}`]: pinned };
  writeFileSync(join(NODE_FOLDER, "package.json"), JSON.stringify(root));
  writeFileSync(
    join(NODE_FOLDER, "package-lock.json"),
    JSON.stringify({ name: "catwalk-node", lockfileVersion: 3, packages }),
  );
  const folder = join(NODE_FOLDER, "node_modules", name);
  const status = await npm(["ci", `--prefix=${NODE_FOLDER}`], NODE_FOLDER, [folder]);
  if (status !== 0) return failed(join(NODE_FOLDER, "node_modules/.bin/node"), status);
  // C headers, which nothing here is compiled with: a third of it.
  rmSync(join(folder, "include"), { recursive: true, force: true });
  return 0;
}

/**
 * @param {readonly string[]} args
 * @param {string} cwd
 * @param {readonly string[]} folders What it makes: counted to say how far it is.
 */
async function npm(args, cwd, folders) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  let told = { there: 0, beats: 0 };
  const beat = setInterval(() => {
    const there = folders.filter((folder) => existsSync(join(folder, "package.json"))).length;
    told.beats++;
    const isNews = there - told.there >= folders.length / 5;
    if (!isNews && told.beats < QUIET_BEATS) return;
    told = { there, beats: 0 };
    const how = there === 0 ? "downloading" : `${there} of ${folders.length} packages`;
    console.log(`  ${seconds()} s: ${how}`);
  }, BEAT_MS);
  // npm goes on for up to a minute after Ctrl-C; the next start installs anew.
  const isKilled = true;
  const status = await run("npm", [...args, ...QUIET], process.env, "inherit", isKilled, cwd);
  clearInterval(beat);
  if (status === 0) console.log(`installed in ${seconds()} s`);
  return status;
}

/**
 * What a failed install leaves must not pass for an installed one.
 * @param {string} mark
 * @param {number} status
 */
function failed(mark, status) {
  if (existsSync(dirname(mark))) rmSync(mark, { force: true });
  const isEnded = status > 128;
  console.error(isEnded ? "\nthe installation was ended" : `npm failed with status ${status}`);
  return isEnded ? status : 1;
}
