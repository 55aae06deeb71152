/**
 * Felix's environment, which a relay in the same pod template has: taken where the relay's own says
 * nothing.
 */
export const FELIX_ENVIRONMENT: Readonly<Record<string, string>> = {
  typhaCaFile: "FELIX_TYPHACAFILE",
  typhaCertFile: "FELIX_TYPHACERTFILE",
  typhaKeyFile: "FELIX_TYPHAKEYFILE",
  typhaCn: "FELIX_TYPHACN",
  typhaUriSan: "FELIX_TYPHAURISAN",
};
