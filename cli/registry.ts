/**
 * All commands. A command is one file of `commands/`, and only the one that is called is loaded:
 * all of them with what they import take three times as long as most commands need. [CLI52]
 */
import type { RegisterCommand } from "./commands/command.ts";

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

/**
 * What a command line may need.
 * @param first Its first word.
 */
export async function loadCommands(first: string | undefined): Promise<readonly RegisterCommand[]> {
  if (first === "--version") return [];
  const one = Object.entries(COMMANDS).find(([name]) => name === first);
  const isOfAll = one === undefined || ABOUT_ALL.includes(one[0]);
  const loaded = await Promise.all(
    (isOfAll ? Object.values(COMMANDS) : [one[1]]).map((load) => load()),
  );
  // `view` and `watch` are registered by one function.
  return [...new Set(loaded)];
}
