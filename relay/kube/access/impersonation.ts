/**
 * Acting for another user: the headers that client-go sends (transport/round_trippers.go). [SRC85]
 */
import type { KubeUser } from "./kubeconfig.ts";

/** Characters of a header's name (RFC 9110 "token"), but for `%`, which is the escape. */
const LEGAL = /[!#$&'*+\-.^_`|~0-9A-Za-z]/;

export function impersonation(
  user: Pick<KubeUser, "as" | "asUid" | "asGroups" | "asExtra">,
): Readonly<Record<string, string | string[]>> {
  if (user.as === "") return {};
  return {
    "Impersonate-User": asBytes(user.as),
    ...(user.asUid !== "" && { "Impersonate-Uid": asBytes(user.asUid) }),
    ...(user.asGroups.length > 0 && { "Impersonate-Group": user.asGroups.map(asBytes) }),
    ...Object.fromEntries(
      Object.entries(user.asExtra)
        .filter(([, values]) => values.length > 0)
        .map(([key, values]) => [`Impersonate-Extra-${escapeKey(key)}`, values.map(asBytes)]),
    ),
  };
}

function escapeKey(key: string): string {
  return [...Buffer.from(key)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return LEGAL.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** Node writes headers as Latin-1, Go as the text's own bytes. */
function asBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}
