/**
 * `catwalk up` (= `npm start`): a hub and two demo clusters, or two real ones, with everything that
 * a first look needs.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

import { stringify } from "yaml";

import { errorText } from "../../shared/lib/error-text.ts";
import { addCluster, createJoinToken, listClusters } from "../../shared/api/clusters.ts";
import { createGrant, listGrants } from "../../shared/api/grants.ts";
import { createMesh, listMeshes } from "../../shared/api/meshes.ts";
import { createRcc, listRccs } from "../../shared/api/rccs.ts";
import { SCOPE_KINDS } from "../../shared/visibility/scope.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { demoPlan, kubeconfigPlan } from "../demo/plan.ts";
import type { DemoPlan } from "../demo/plan.ts";
import { startRelay } from "../demo/relay-process.ts";
import type { RelayProcess } from "../demo/relay-process.ts";
import { describeMesh } from "../demo/describe.ts";
import type { HowItRuns } from "../demo/describe.ts";
import { describeNoHub } from "../demo/describe-no-hub.ts";
import type { FolderApi } from "../demo/folder-api.ts";
import { startNoHub } from "../demo/no-hub.ts";
import { tellProblems } from "../demo/tell-problems.ts";
import { startHub } from "../launch/hub.ts";
import { PortTakenError } from "../launch/listen.ts";
import type { RunningHub } from "../launch/hub.ts";
import { makeFolder } from "../../relay/lib/make-folder.ts";
import { Client } from "../admin/client.ts";
import { collect, withExample } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { RegisterCommand } from "./command.ts";
import { oneLine, screenWidth, wrapWords } from "./output.ts";
import { plannedRoutes } from "./routes.ts";
import { CommandError } from "../admin/usage-error.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const FIRST_PORT = 8787;
/** Ports tried after the first one. */
const PORTS = 20;

export const registerUp: RegisterCommand = (program) => {
  withExample(
    program
      .command("up")
      .description("run a hub and two clusters on this machine and show what to try")
      .option(
        "--kubeconfig <file>",
        "a real cluster instead of the demo's folders (repeat it); nothing is written to it",
        collect,
      )
      .option("--no-hub", "without a hub: one relay reads the others by RCCs of a folder")
      .option("--data <dir>", "where state is kept", ".catwalk"),
    "catwalk up",
  ).action(async (flags: UpFlags) => {
    // A relay waits for its kubeconfig; who starts by hand wants to know of a misspelt path at
    // once.
    for (const file of flags.kubeconfig ?? [])
      if (!existsSync(file)) throw new CommandError(`--kubeconfig: there is no file ${file}`);
    const plan =
      flags.kubeconfig === undefined
        ? demoPlan(ROOT)
        : kubeconfigPlan(flags.kubeconfig.map((file) => resolve(file)));
    await runUp(plan, resolve(flags.data), flags.hub ? begin : beginWithoutHub);
  });
};

interface UpFlags {
  readonly kubeconfig?: readonly string[];
  readonly hub: boolean;
  readonly data: string;
}

async function runUp(plan: DemoPlan, data: string, start: typeof begin): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => resolve());
  });
  const isNew = !existsSync(join(data, start === begin ? "hub" : "no-hub"));
  const shown = relative(process.cwd(), data) || data;
  try {
    makeFolder(data, "--data", shown);
  } catch (error) {
    throw new CommandError(errorText(error), { cause: error });
  }
  print(`Catwalk demo, state: ${shown} (${isNew ? "new" : "kept from before"})\n`);
  const running: Running = { hub: null, relays: [], apis: [] };
  try {
    // What is still starting when it is told to stop is ended like what runs.
    const began = start(plan, data, isNew, running);
    began.catch(() => undefined);
    const told = await Promise.race([began, stopped]);
    await stopped;
    await told?.stop();
    print("stopping …\n");
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(errorText(error), { cause: error });
  } finally {
    await Promise.all(running.relays.map((relay) => relay.stop()));
    await Promise.all(running.apis.map((api) => api.stop()));
    await running.hub?.stop();
  }
}

/** What has been started so far. */
interface Running {
  hub: RunningHub | null;
  readonly relays: RelayProcess[];
  readonly apis: FolderApi[];
}

/** Starts everything, shows what to try, and goes on telling what is wrong. */
async function begin(
  plan: DemoPlan,
  data: string,
  isNew: boolean,
  running: Running,
): Promise<ReturnType<typeof tellProblems>> {
  const hub = (running.hub = await startOnFreePort(data));
  const { relays } = running;
  const client = new Client({
    server: hub.url,
    mesh: plan.mesh,
    token: hub.adminToken,
    relays: {},
  });
  await startRelays(plan, data, hub.url, client, relays);
  print(`  hub on ${hub.url} · relays:\n`);
  for (const { name, from } of plan.clusters) print(`      ${name} (${from})\n`);
  await makeVisible(plan, client);
  const config = {
    server: hub.url,
    mesh: plan.mesh,
    tokenFile: relative(data, hub.adminTokenFile),
    relays: Object.fromEntries(relays.map((relay) => [relay.cluster, relay.url])),
  };
  const file = writeConfig(data, config);
  const planned = (origin: string): ReturnType<HowItRuns["planned"]> =>
    plannedRoutes(client, origin).then(
      ({ routes }) => routes,
      () => null,
    );
  print(await describeMesh(plan, client, relays, { isResumed: !isNew, config: file, planned }));
  return tellProblems(relays, tell);
}

/** The same without a hub. [CLI63] */
async function beginWithoutHub(
  plan: DemoPlan,
  data: string,
  isNew: boolean,
  running: Running,
): Promise<ReturnType<typeof tellProblems>> {
  const noHub = await startNoHub(plan, data, running, tell);
  const [viewer] = plan.clusters;
  print(`  no hub · the relay of ${plan.viewer} (${viewer?.from ?? ""}) on ${noHub.relay.url}\n`);
  const config = writeConfig(data, { relays: { [plan.viewer]: noHub.relay.url } });
  print(await describeNoHub(plan, noHub, { isResumed: !isNew, config }));
  return tellProblems(running.relays, tell);
}

/** @returns The file; `null`: commands that are run here find it by themselves. */
function writeConfig(data: string, config: object): string | null {
  const file = join(data, "config.yaml");
  writeFileSync(file, stringify(config), { mode: 0o600 });
  // Only under its usual name, upwards from where a command is run.
  return resolve(".catwalk/config.yaml") === file ? null : file;
}

function tell(line: string): void {
  print(`${wrapped(line)}\n`);
}

function wrapped(line: string): string {
  return wrapWords(oneLine(line), screenWidth() - 4).join("\n    ");
}

async function startOnFreePort(data: string): Promise<RunningHub> {
  for (let port = FIRST_PORT; ; port++) {
    try {
      return await startHub({
        listen: `127.0.0.1:${port}`,
        dataDir: join(data, "hub"),
        log: () => undefined,
      });
    } catch (error) {
      if (!(error instanceof PortTakenError) || port >= FIRST_PORT + PORTS) throw error;
      print(`  port ${port} is taken, trying ${port + 1}\n`);
    }
  }
}

/** Creates what is missing; a relay that has no membership yet gets a join token. */
async function startRelays(
  plan: DemoPlan,
  data: string,
  hubUrl: string,
  client: Client,
  relays: RelayProcess[],
): Promise<void> {
  const meshes = await client.call(listMeshes, {});
  if (!meshes.items.some((mesh) => mesh.name === plan.mesh))
    await client.call(createMesh, { body: { name: plan.mesh } });
  const { mesh } = plan;
  const clusters = await client.call(listClusters, { params: { mesh } });
  await Promise.all(
    plan.clusters.map(async ({ name, sourceArgs }) => {
      const state = join(data, "relays", name);
      const env: NodeJS.ProcessEnv = { ...process.env };
      if (!clusters.items.some((cluster) => cluster.name === name)) {
        const added = await client.call(addCluster, { params: { mesh }, body: { name } });
        env["CATWALK_JOIN_TOKEN"] = added.joinToken;
      } else if (!existsSync(join(state, "membership.json"))) {
        const renewed = await client.call(createJoinToken, { params: { mesh, cluster: name } });
        env["CATWALK_JOIN_TOKEN"] = renewed.joinToken;
      }
      const args = [
        "--state",
        state,
        "--hub",
        hubUrl,
        "--http-listen",
        "127.0.0.1:0",
        ...sourceArgs,
      ];
      relays.push(await startRelay(name, args, env, join(data, `relay-${name}.log`)));
    }),
  );
}

/** The viewer's RCCs and the others' grants. */
async function makeVisible(plan: DemoPlan, client: Client): Promise<void> {
  const { mesh } = plan;
  const rccs = await client.call(listRccs, { params: { mesh, cluster: plan.viewer } });
  for (const { name } of plan.clusters) {
    if (name === plan.viewer) continue;
    // What is there stays as it is: it may have been changed since.
    if (!rccs.items.some(({ metadata }) => metadata.name === name))
      await client.call(createRcc, {
        params: { mesh, cluster: plan.viewer },
        body: memberRcc(name),
      });
    const { items } = await client.call(listGrants, { params: { mesh }, query: { origin: name } });
    if (!items.some(({ reader }) => reader.name === plan.viewer))
      await client.call(createGrant, {
        params: { mesh },
        body: {
          origin: name,
          reader: plan.viewer,
          // All there is: Services are shown only where they are named.
          ...(plan.service === null ? {} : { scope: { kinds: [...SCOPE_KINDS] } }),
        },
      });
  }
}
