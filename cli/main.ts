/** The process of `catwalk`: one command, and how it ends. */
import { runProgram } from "./program.ts";
import { loadCommands } from "./registry.ts";

// Started by bin/catwalk.js: if that is killed, nobody would be left to end this process. [CLI8]
if (process.connected) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
}

/** Long enough for what was printed to be read. */
const LEFT_OPEN_MS = 1_000;

// A reader that has had enough (`| head`) ends the command, which has nobody to tell any more.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const argv = process.argv.slice(2);
process.exitCode = await runProgram(await loadCommands(argv[0]), argv);
// What a command that failed has left open (a socket, a timer) does not keep the process. [CLI50]
setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
