/** `catwalk hub`: a self-hosted hub on plain workerd. */
import { startHub } from "../launch/hub.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { CommandError } from "./usage-error.ts";

export const registerHub: RegisterCommand = (program) => {
  withExample(
    program
      .command("hub")
      .description("run a hub; prints one JSON line when it is ready")
      .option("--listen <host:port>", "where to listen; port 0 picks one", "127.0.0.1:8787")
      .requiredOption("--data <dir>", "folder with the hub's state")
      .option("--admin-token-file <file>", "used if it exists, else written (0600)"),
    "catwalk hub --listen 127.0.0.1:8787 --data ./hub",
  ).action(
    async (flags: { readonly listen: string; readonly data: string; adminTokenFile?: string }) => {
      const stopped = new Promise<void>((resolve) => {
        // Not once: npm and shells may pass a signal on that came already, and the second would end this in the middle of stopping.
        process.on("SIGTERM", resolve);
        process.on("SIGINT", resolve);
      });
      const hub = await startHub({
        listen: flags.listen,
        dataDir: flags.data,
        ...(flags.adminTokenFile === undefined ? {} : { adminTokenFile: flags.adminTokenFile }),
      }).catch((error: unknown) => {
        throw new CommandError(error instanceof Error ? error.message : String(error), {
          cause: error,
        });
      });
      process.stdout.write(
        `${JSON.stringify({ event: "listening", url: hub.url, adminTokenFile: hub.adminTokenFile, maxSockets: hub.maxSockets })}\n`,
      );
      await stopped;
      await hub.stop();
    },
  );
};
