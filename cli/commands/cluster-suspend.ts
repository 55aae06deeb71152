/** `catwalk cluster suspend|resume NAME`. [CLI73] */
import type { Command } from "commander";

import { resumeCluster, suspendCluster } from "../../shared/api/clusters.ts";
import { clientOf, warnUnlessPropagated, withExample, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { ServerFlags } from "../admin/config.ts";

export function registerSuspend(cluster: Command): void {
  withExample(
    withServer(
      cluster
        .command("suspend <name>")
        .description("it neither sees nor is seen until it is resumed; all else of it stays"),
    ),
    "catwalk cluster suspend db",
  ).action(async (name: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: name };
    warnUnlessPropagated(await client.call(suspendCluster, { params }));
    print(`cluster ${name} is suspended\n`);
  });
  withExample(
    withServer(cluster.command("resume <name>").description("ends a suspension")),
    "catwalk cluster resume db",
  ).action(async (name: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: name };
    warnUnlessPropagated(await client.call(resumeCluster, { params }));
    print(`cluster ${name} is no longer suspended\n`);
  });
}
