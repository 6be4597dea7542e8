declare module "lz4js" {
  const lz4: {
    /** Decompresses a frame into `output` and returns the number of bytes of the whole frame. Does not write past the end of `output`. */
    decompressFrame(input: Uint8Array, output: Uint8Array): number;
  };
  export default lz4;
}
