/** Images of a data set as inputs of the model. Images that cannot be read are left out, counted and named. */
import { type ImageSource } from "../data/index.js";
import { readSource } from "../data/internal.js";
import { InputError } from "../errors.js";
import { isSystemFailure } from "../files/index.js";
import { HostTensor } from "../graph/index.js";
import { decodeImage, type RawImage } from "../processing/index.js";
import type { LoadedModel } from "../inference/index.js";

/** Preprocesses an image: [channels, height, width], of the image size of the checkpoint. */
export type ImageTransform = (image: RawImage) => HostTensor<"float32"> | Promise<HostTensor<"float32">>;

export interface SkippedImage {
  readonly name: string;
  /** The message of the error. */
  readonly reason: string;
}

/** Skipped images that are named. All are counted. */
const maxNamed = 100;

export class ImageReader {
  /** The first images that could not be read. */
  readonly skipped: SkippedImage[] = [];
  skippedCount = 0;

  /** @param transform replaces the image settings of the checkpoint */
  constructor(
    private readonly model: LoadedModel,
    private readonly transform: ImageTransform | undefined,
  ) {}

  /** Replaces the skipped images by those of all ranks. */
  join(readers: readonly Pick<ImageReader, "skipped" | "skippedCount">[]): void {
    this.skippedCount = readers.reduce((sum, { skippedCount }) => sum + skippedCount, 0);
    const all = readers.flatMap(({ skipped }) => skipped);
    this.skipped.splice(0, this.skipped.length, ...all.slice(0, maxNamed));
  }

  /** `pixel_values` [1, channels, height, width]; undefined if the image cannot be read. */
  async read(source: ImageSource): Promise<HostTensor | undefined> {
    const pixels = await this.pixels(source).catch((error: unknown) => {
      if (!(error instanceof InputError) || isSystemFailure(error)) throw error;
      this.skippedCount++;
      if (this.skipped.length < maxNamed) this.skipped.push({ name: source.name, reason: error.message });
      return undefined;
    });
    if (pixels !== undefined) this.checkSize(pixels);
    return pixels;
  }

  private async pixels(source: ImageSource): Promise<HostTensor> {
    const image = await decodeImage(await readSource(source), { name: source.name });
    if (this.transform === undefined) return (await this.model.pixels([image])).pixel_values;
    const { shape, data } = await this.transform(image);
    return new HostTensor("float32", [1, ...shape], data);
  }

  /** A wrong size is an error of the transform, not of the image. */
  private checkSize({ shape }: HostTensor): void {
    const { num_channels, image_size } = this.model.config.vision_config;
    const expected = [1, num_channels, image_size, image_size];
    if (shape.join() === expected.join()) return;
    throw new InputError({
      code: "shape-mismatch",
      where: "transform",
      expected: `images of [${expected.slice(1).join(", ")}], the image size of the checkpoint`,
      found: `[${shape.slice(1).join(", ")}]`,
    });
  }
}
