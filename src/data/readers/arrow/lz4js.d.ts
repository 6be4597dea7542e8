declare module "lz4js" {
  const lz4: {
    /** Decompresses a frame into `output`, past whose end nothing is written, and returns how many bytes it would take. */
    decompressFrame(input: Uint8Array, output: Uint8Array): number;
  };
  export default lz4;
}
