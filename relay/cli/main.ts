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

process.exitCode = await runProgram(COMMANDS, process.argv.slice(2));
