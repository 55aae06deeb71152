/** The commands of `catwalk`, one line each; a command is one file here. */
import { registerAudit } from "./audit.ts";
import { registerCluster } from "./cluster.ts";
import { registerCompletion } from "./completion.ts";
import { registerEval } from "./eval.ts";
import { registerGrant } from "./grant.ts";
import { registerHub } from "./hub.ts";
import { registerMesh } from "./mesh.ts";
import { registerMock } from "./mock.ts";
import { registerPolicy } from "./policy.ts";
import { runProgram } from "./program.ts";
import { registerQuarantine } from "./quarantine.ts";
import { registerRcc } from "./rcc.ts";
import { registerRelay } from "./relay.ts";
import { registerSource } from "./source.ts";
import { registerStatus } from "./status.ts";
import { registerUp } from "./up.ts";
import { registerVersion } from "./version.ts";
import { registerView } from "./view.ts";
import { registerWait } from "./wait.ts";

// Started by bin/catwalk.js: if that is killed, nobody would be left to end this process. [CLI8]
if (process.connected) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
}

/** Long enough for what was printed to be read. */
const LEFT_OPEN_MS = 1_000;

const COMMANDS = [
  registerUp,
  registerHub,
  registerRelay,
  registerMesh,
  registerCluster,
  registerRcc,
  registerGrant,
  registerStatus,
  registerWait,
  registerQuarantine,
  registerView,
  registerEval,
  registerPolicy,
  registerAudit,
  registerMock,
  registerSource,
  registerVersion,
  registerCompletion,
];

// A reader that has had enough (`| head`) ends the command, which has nobody to tell any more.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runProgram(COMMANDS, process.argv.slice(2));
// What a command that failed has left open (a socket, a timer) does not keep the process. [CLI50]
setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
