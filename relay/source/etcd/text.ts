/** UTF-8. */
const ENCODER = new TextEncoder();

export function toUtf8(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/** Total: what is no UTF-8 becomes U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
