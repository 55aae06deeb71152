/**
 * The commands of `catwalk`. A command is one file here, and only the one that is called is loaded:
 * all of them with what they import take three times as long as most commands need. [CLI52]
 */
import type { RegisterCommand } from "./commands/command.ts";
import { runProgram } from "./program.ts";

// Started by bin/catwalk.js: if that is killed, nobody would be left to end this process. [CLI8]
if (process.connected) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
}

/** Long enough for what was printed to be read. */
const LEFT_OPEN_MS = 1_000;

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<RegisterCommand>>> = {
  up: async () => (await import("./commands/up.ts")).registerUp,
  hub: async () => (await import("./commands/hub.ts")).registerHub,
  relay: async () => (await import("./commands/relay.ts")).registerRelay,
  mesh: async () => (await import("./commands/mesh.ts")).registerMesh,
  cluster: async () => (await import("./commands/cluster.ts")).registerCluster,
  rbac: async () => (await import("./commands/rbac.ts")).registerRbac,
  rcc: async () => (await import("./commands/rcc.ts")).registerRcc,
  grant: async () => (await import("./commands/grant.ts")).registerGrant,
  diff: async () => (await import("./commands/diff.ts")).registerDiff,
  status: async () => (await import("./commands/status.ts")).registerStatus,
  exchange: async () => (await import("./commands/exchange.ts")).registerExchange,
  preflight: async () => (await import("./commands/preflight.ts")).registerPreflight,
  routes: async () => (await import("./commands/routes.ts")).registerRoutes,
  wait: async () => (await import("./commands/wait.ts")).registerWait,
  quarantine: async () => (await import("./commands/quarantine.ts")).registerQuarantine,
  view: async () => (await import("./commands/view.ts")).registerView,
  watch: async () => (await import("./commands/view.ts")).registerView,
  eval: async () => (await import("./commands/eval.ts")).registerEval,
  policy: async () => (await import("./commands/policy.ts")).registerPolicy,
  services: async () => (await import("./commands/services.ts")).registerServices,
  webhook: async () => (await import("./commands/webhook.ts")).registerWebhook,
  events: async () => (await import("./commands/events.ts")).registerEvents,
  withdrawal: async () => (await import("./commands/held-withdrawals.ts")).registerWithdrawal,
  token: async () => (await import("./commands/token.ts")).registerToken,
  doctor: async () => (await import("./commands/doctor.ts")).registerDoctor,
  "support-bundle": async () =>
    (await import("./commands/support-bundle.ts")).registerSupportBundle,
  audit: async () => (await import("./commands/audit.ts")).registerAudit,
  mock: async () => (await import("./commands/mock.ts")).registerMock,
  source: async () => (await import("./commands/source.ts")).registerSource,
  install: async () => (await import("./commands/install.ts")).registerInstall,
  uninstall: async () => (await import("./commands/uninstall.ts")).registerUninstall,
  felix: async () => (await import("./commands/felix.ts")).registerFelix,
  version: async () => (await import("./commands/version.ts")).registerVersion,
  completion: async () => (await import("./commands/completion.ts")).registerCompletion,
};

/** Their help and their scripts name every command. */
const ABOUT_ALL = ["completion", "help"];

/** @param first The first word of the command line. @returns The loaders of what it may need. */
function neededFor(first: string | undefined): readonly (() => Promise<RegisterCommand>)[] {
  if (first === "--version") return [];
  const one = Object.entries(COMMANDS).find(([name]) => name === first);
  return one === undefined || ABOUT_ALL.includes(one[0]) ? Object.values(COMMANDS) : [one[1]];
}

// A reader that has had enough (`| head`) ends the command, which has nobody to tell any more.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const argv = process.argv.slice(2);
// `view` and `watch` are registered by one function.
const commands = new Set(await Promise.all(neededFor(argv[0]).map((load) => load())));
process.exitCode = await runProgram([...commands], argv);
// What a command that failed has left open (a socket, a timer) does not keep the process. [CLI50]
setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
