/**
 * The real kubectl and `catwalk source dump` with the same kubeconfigs and environments: what one
 * reads, or refuses, the other does. [SRC81]
 */
import { execFile } from "node:child_process";

import { makeForms } from "../support/kubeconfig-forms.ts";
import type { Form } from "../support/kubeconfig-forms.ts";
import type { Suite } from "./suite.ts";

const CLI = new URL("../../bin/catwalk.js", import.meta.url).pathname;
/** What is refused is tried again until then. */
const DUMP_TIMEOUT = "2s";

export async function checkKubectlForms(suite: Suite): Promise<void> {
  const made = await makeForms();
  try {
    for (const form of made.forms)
      await suite.check(`[SRC81] kubectl and source dump: ${form.name}`, async () => {
        const { kubeconfig, prefix = "" } = form;
        const flag = kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig];
        const [kubectl, catwalk] = await Promise.all([
          podRead(form, "kubectl", [...flag, "get", "--raw", `${prefix}/api/v1/pods`]),
          podRead(form, process.execPath, [
            CLI,
            "source",
            "dump",
            "--source",
            "kubernetes",
            "--timeout",
            DUMP_TIMEOUT,
            ...flag,
          ]),
        ]);
        if (kubectl.pod !== form.reads || catwalk.pod !== form.reads)
          throw new Error(
            `kubectl reads ${kubectl.pod ?? `nothing (${kubectl.error})`}, catwalk ${catwalk.pod ?? `nothing (${catwalk.error})`}, expected ${form.reads ?? "nothing"}`,
          );
      });
  } finally {
    await made.stop();
  }
}

function podRead(
  { env }: Form,
  program: string,
  args: readonly string[],
): Promise<{ readonly pod: string | null; readonly error: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { env, timeout: 30_000 }, (_error, stdout, stderr) => {
      const found = /pod-of-(\w+)/.exec(stdout)?.[1] ?? null;
      resolve({ pod: found, error: stderr.trim().split("\n").at(-1) ?? "" });
    });
  });
}
