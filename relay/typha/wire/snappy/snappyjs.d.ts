declare module "snappyjs" {
  export function compress(bytes: Uint8Array): Uint8Array;
  /** @throws Error for a longer result or bytes that are not snappy. */
  export function uncompress(bytes: Uint8Array, maxLength?: number): Uint8Array;
}
