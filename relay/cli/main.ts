/** The commands of `catwalk`, one line each; a command is one file here. */
import { registerCluster } from "./cluster.ts";
import { registerGrant } from "./grant.ts";
import { registerHub } from "./hub.ts";
import { registerMesh } from "./mesh.ts";
import { runProgram } from "./program.ts";
import { registerQuarantine } from "./quarantine.ts";
import { registerRcc } from "./rcc.ts";
import { registerStatus } from "./status.ts";
import { registerWait } from "./wait.ts";

// Started by bin/catwalk.js: if that is killed, nobody would be left to end this process. [CLI8]
if (process.connected) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
}

const COMMANDS = [
  registerHub,
  registerMesh,
  registerCluster,
  registerRcc,
  registerGrant,
  registerStatus,
  registerQuarantine,
  registerWait,
];

process.exitCode = await runProgram(COMMANDS, process.argv.slice(2));
