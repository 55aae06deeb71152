/**
 * Which Node.js runs the TypeScript of this project, and how a program is handed over to it. Plain
 * JavaScript without dependencies for Node 20.
 */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import module from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** A Node.js that was installed because the machine's own is too old; see `install.js`. */
export const NODE_FOLDER = join(ROOT, ".node");

/** First Node.js that runs TypeScript by itself, without a flag. */
const OLDEST = [22, 18];

/**
 * Stripped and compiled modules of the last run, which a start need not make again.
 * https://nodejs.org/api/module.html#module-compile-cache
 */
const COMPILE_CACHE = join(ROOT, ".build/compile-cache");

/** The environment for programs of this project. */
export function programEnv() {
  return { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env };
}

/**
 * The pinned Node.js where npm has put one, else the one that runs this, if it is new enough.
 * @returns {string | null}
 */
export function findNode() {
  for (const folder of [ROOT, NODE_FOLDER]) {
    const pinned = join(folder, "node_modules/.bin/node");
    if (existsSync(pinned)) return pinned;
  }
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))
    return process.execPath;
  return null;
}

/**
 * Whether a Node.js is the one that runs this.
 * @param {string} node
 */
function isSelf(node) {
  return realpathSync(node) === realpathSync(process.execPath);
}

/**
 * Runs a program with this terminal; signals are passed on, or end it at once.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {import("node:child_process").StdioOptions} stdio
 * @param {boolean} isKilled A signal kills it: for a program that takes its time, and leaves
 *   nothing that matters.
 * @param {string} [cwd]
 * @returns {Promise<number>} Its exit status; 128 + signal when it was killed.
 */
export function run(command, args, env = process.env, stdio = "inherit", isKilled = false, cwd) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio, env, cwd });
    /** @type {NodeJS.Signals | null} */
    let got = null;
    const forward = SIGNALS.map((signal) => {
      const pass = () => {
        if (isKilled) {
          got ??= signal;
          child.kill("SIGKILL");
          return;
        }
        // Ctrl-C reaches every process of the terminal's group by itself: passed on, it would come
        // twice.
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      };
      process.on(signal, pass);
      return () => process.off(signal, pass);
    });
    const stopWatching = onNpmGone(() => child.kill(isKilled ? "SIGKILL" : "SIGTERM"));
    /** @param {number} status */
    const end = (status) => {
      stopWatching();
      for (const stop of forward) stop();
      resolve(status);
    };
    child.once("error", (error) => {
      console.error(`cannot run ${command}: ${error.message}`);
      end(1);
    });
    child.once("exit", (code, signal) => {
      const ended = got ?? signal;
      end(code ?? 128 + (ended === null ? 0 : constants.signals[ended]));
    });
  });
}

/**
 * npm and npx run a program in a shell, and a signal that they are sent ends only that shell: what
 * is left has another parent then.
 * @param {() => void} end
 * @returns {() => void} Stops looking.
 */
function onNpmGone(end) {
  if (process.env["npm_command"] === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    end();
  }, 250);
  return () => clearInterval(timer);
}

/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a TypeScript file of the project and ends with its status.
 * @param {string} file
 * @param {readonly string[]} args
 */
export async function runProgram(file, args) {
  const node = findNode();
  if (node === null || !existsSync(join(ROOT, "node_modules"))) {
    console.error(
      "catwalk is not installed yet: run `npm start` (it installs what is missing, the right Node.js among it, and starts a demo) in its folder",
    );
    process.exitCode = 1;
    return;
  }
  if (isSelf(node) && process.env["npm_command"] === undefined) {
    // This process is as good as another one, and two take twice as long to start.
    process.env["NODE_COMPILE_CACHE"] ??= COMPILE_CACHE;
    module.enableCompileCache(process.env["NODE_COMPILE_CACHE"]);
    process.argv = [node, join(ROOT, file), ...args];
    await import(pathToFileURL(join(ROOT, file)).href);
    return;
  }
  // The channel carries nothing: that it closes tells the program that this process is gone,
  // however it ended.
  /** @type {import("node:child_process").StdioOptions} */
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  process.exitCode = await run(node, [join(ROOT, file), ...args], programEnv(), stdio);
}
