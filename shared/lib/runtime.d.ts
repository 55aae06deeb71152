/**
 * What `shared` uses of the runtime: two synchronous Node modules, which workerd has too
 * (`nodejs_compat`), and the text codecs. Declared by use, so that nothing else of Node can slip
 * into code that runs in a Durable Object.
 */
declare module "node:crypto" {
  interface Hash {
    update(bytes: Uint8Array): Hash;
    digest(): Uint8Array;
  }
  export function createHash(algorithm: "sha256"): Hash;
}

declare module "node:zlib" {
  interface DeflateOptions {
    readonly level?: number;
    readonly dictionary?: Uint8Array;
    readonly maxOutputLength?: number;
  }
  export function deflateRawSync(bytes: Uint8Array, options?: DeflateOptions): Uint8Array;
  export function inflateRawSync(bytes: Uint8Array, options?: DeflateOptions): Uint8Array;
}

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label: "utf-8", options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}
