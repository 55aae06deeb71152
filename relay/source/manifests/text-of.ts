/**
 * A file's bytes as text: UTF-8, or UTF-16 where it begins with that byte order mark, as
 * PowerShell's `>` writes it. [SRC48]
 */
export function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  return new TextDecoder(isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8").decode(bytes);
}
