/**
 * A child process that cannot outlive this one, not even when this one is killed with SIGKILL.
 *
 * The child runs under a few lines of shell that hold the reading end of a pipe whose only writing
 * end is ours. The kernel closes ours however we end; the shell then reads end-of-file and kills
 * the child. (Linux's parent-death signal would be simpler, but Node cannot ask for it, and macOS
 * has none.)
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

/**
 * Open files are raised as far as they may be: a hub needs two for each socket. `$0` is the
 * program, `$@` its arguments. The guard's reads end only with our end of the pipe; nothing is ever
 * written to it.
 */
const GUARD = `exec 3<&0
ulimit -n "$(ulimit -Hn)" 2>/dev/null
"$0" "$@" </dev/null 3<&- &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM INT HUP
( trap '' TERM INT HUP; while read -r _; do :; done; kill -KILL "$child" 2>/dev/null ) <&3 &
guard=$!
exec 3<&-
wait "$child"; code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
kill -KILL "$guard" 2>/dev/null
exit "$code"`;

export interface GuardedChild {
  /** stdout and stderr are pipes. */
  readonly shell: ChildProcess;
  /** Asks the child to end (SIGTERM). */
  terminate(): void;
  /** Ends it at once, by letting go of the pipe. */
  kill(): void;
  /** Resolves with the exit code, or the signal's number + 128, when the child is gone. */
  readonly exited: Promise<number>;
}

export function spawnGuarded(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): GuardedChild {
  const shell = spawn("/bin/sh", ["-c", GUARD, command, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env,
    // Ctrl-C of a terminal reaches a whole process group: the launcher alone decides in which order
    // things end.
    detached: true,
  });
  shell.stdin.on("error", () => {
    // The pipe carries nothing; that its reader is gone is told by `exited`.
  });
  const exited = new Promise<number>((resolve) => {
    shell.once("error", () => resolve(127));
    shell.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  return {
    shell,
    terminate: () => void shell.kill("SIGTERM"),
    kill: () => shell.stdin.destroy(),
    exited,
  };
}
