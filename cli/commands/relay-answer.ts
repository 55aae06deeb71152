/** What commands read of a relay's `/status`: checked, and no more of it than they use. */
import { z } from "zod";

import { fetchRelay } from "../../relay/policy/world.ts";
import { CommandError } from "../admin/usage-error.ts";

const answerSchema = z.object({
  cluster: z.string().nullable(),
  remotes: z.array(z.object({ rcc: z.string(), origin: z.object({ name: z.string() }) })),
  /** A relay of the version before says nothing of them. */
  pools: z
    .object({ exempt: z.array(z.object({ cidr: z.string(), of: z.array(z.string()) })) })
    .default({ exempt: [] }),
});

export type RelayAnswer = z.infer<typeof answerSchema>;

/** @throws CommandError when the relay cannot be asked, or answers something else. */
export async function askRelay(url: string): Promise<RelayAnswer> {
  try {
    const answer: unknown = await (await fetchRelay(url, "/status")).json();
    return answerSchema.parse(answer);
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new CommandError(`${url} does not answer as a relay of this version does`, {
        cause: error,
      });
    throw new CommandError((error as Error).message, { cause: error });
  }
}
