/**
 * TLS to Typha and from Felix, set as Calico sets it: any of the settings asks for TLS, and then
 * all are needed but one of CN and URI SAN (felix/config/config_params.go:Validate). [TYP24]
 */
export interface TlsSettings {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /**
   * The other side's certificate has one of these, exactly: its subject's common name, or a URI
   * among its alternative names.
   */
  readonly cn: string | undefined;
  readonly uriSan: string | undefined;
}

/**
 * `null`: no TLS.
 * @throws Error that names the missing ones.
 * @param names Of the options, for people.
 */
export function tlsSettings(
  given: Readonly<Record<keyof TlsSettings, string | undefined>>,
  names: Readonly<Record<keyof TlsSettings, string>>,
): TlsSettings | null {
  const { caFile, certFile, keyFile, cn, uriSan } = given;
  if ([caFile, certFile, keyFile, cn, uriSan].every((value) => value === undefined)) return null;
  const missing: string[] = (["caFile", "certFile", "keyFile"] as const)
    .filter((field) => given[field] === undefined)
    .map((field) => names[field]);
  if (cn === undefined && uriSan === undefined) missing.push(`${names.cn} or ${names.uriSan}`);
  if (caFile === undefined || certFile === undefined || keyFile === undefined || missing.length > 0)
    throw new Error(`TLS is set in part: ${missing.join(", ")} missing`);
  return { caFile, certFile, keyFile, cn, uriSan };
}
