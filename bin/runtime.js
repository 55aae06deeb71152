/** Which Node.js runs the TypeScript of this project, and how a program is handed over to it. Runs on Node 20; no dependencies. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** First Node.js that runs TypeScript by itself, without a flag. */
const OLDEST = [22, 18];

/** The pinned Node.js where npm has one for this platform, else the one that runs this, if it is new enough. */
export function findNode() {
  const pinned = join(ROOT, "node_modules/.bin/node");
  if (existsSync(pinned)) return pinned;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return process.execPath;
  return null;
}

/**
 * Runs a program with this terminal; signals are passed on, or end it at once. Resolves with its exit status (128 + signal when killed).
 * @param isKilled A signal kills it: for a program that takes its time, and leaves nothing that matters.
 */
export function run(command, args, env = process.env, stdio = "inherit", isKilled = false) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio, env });
    let got = null;
    const forward = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => {
      const pass = () => {
        if (isKilled) {
          got ??= signal;
          child.kill("SIGKILL");
          return;
        }
        // Ctrl-C reaches every process of the terminal's group by itself: passed on, it would come twice.
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      };
      process.on(signal, pass);
      return () => process.off(signal, pass);
    });
    const end = (status) => {
      for (const stop of forward) stop();
      resolve(status);
    };
    child.once("error", (error) => {
      console.error(`cannot run ${command}: ${error.message}`);
      end(1);
    });
    child.once("exit", (code, signal) => end(code ?? 128 + (SIGNALS[got ?? signal] ?? 0)));
  });
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGTERM: 15 };

/** Runs a TypeScript file of the project and ends with its status. */
export async function runProgram(file, args) {
  const node = findNode();
  if (node === null || !existsSync(join(ROOT, "node_modules"))) {
    console.error(
      node === null
        ? `catwalk needs Node.js ${OLDEST.join(".")} or newer on this platform (this is ${process.versions.node})`
        : "catwalk is not installed yet: run `npm start` or `npm ci --ignore-scripts` in its folder",
    );
    process.exitCode = 1;
    return;
  }
  // The channel carries nothing: that it closes tells the program that this process is gone, however it ended.
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  process.exitCode = await run(node, [join(ROOT, file), ...args], process.env, stdio);
}
