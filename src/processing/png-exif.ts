/** The place of EXIF data in PNG files. */

const signatureBytes = 8;
/** Length, type and check sum. */
const frameBytes = 12;

/**
 * The file with its `eXIf` chunk before the pixels, so that the decoder reads the orientation. The format allows the chunk after the pixels
 * too, and Pillow reads it there.
 * @param png a PNG file; one that is damaged or has no such chunk is returned as it is
 */
export function exifBeforePixels(png: Uint8Array): Uint8Array {
  let pixels: number | undefined;
  for (const { type, from, to } of chunksOf(png)) {
    if (type === "IDAT") pixels ??= from;
    if (type !== "eXIf") continue;
    if (pixels === undefined) return png;
    return Buffer.concat([
      png.subarray(0, pixels),
      png.subarray(from, to),
      png.subarray(pixels, from),
      png.subarray(to),
    ]);
  }
  return png;
}

/** The complete chunks of a file: type, first byte and end. */
function* chunksOf(png: Uint8Array): Generator<{ readonly type: string; readonly from: number; readonly to: number }> {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.length);
  for (let from = signatureBytes; from + frameBytes <= bytes.length;) {
    const to = from + frameBytes + bytes.readUInt32BE(from);
    if (to > bytes.length) return;
    yield { type: bytes.toString("latin1", from + 4, from + 8), from, to };
    from = to;
  }
}
