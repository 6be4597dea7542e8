/** Pictures of a data set as inputs of the model. What is broken is left out, counted and named. */
import type { PictureSource } from "../data/index.js";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { decodePicture, type Picture } from "../processing/index.js";
import type { PartedModel } from "../inference/index.js";

/** Makes a picture ready. -> [channels, height, width] of the size that the checkpoint was made for */
export type PictureTransform = (picture: Picture) => HostTensor<"float32"> | Promise<HostTensor<"float32">>;

export interface SkippedPicture {
  readonly name: string;
  /** The error in words. */
  readonly reason: string;
}

/** Skipped pictures that are named; all are counted. */
const mostNamed = 100;

export class PictureReader {
  /** The first of those that could not be read. */
  readonly skipped: SkippedPicture[] = [];
  skippedCount = 0;

  /** @param transform in place of the checkpoint's own settings */
  constructor(
    private readonly model: PartedModel,
    private readonly transform: PictureTransform | undefined,
  ) {}

  /** `pixel_values` [1, channels, height, width]; nothing where the picture is broken. */
  async read(source: PictureSource): Promise<HostTensor | undefined> {
    const pixels = await this.pixels(source).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      this.skippedCount++;
      if (this.skipped.length < mostNamed) this.skipped.push({ name: source.name, reason: error.message });
      return undefined;
    });
    if (pixels !== undefined) this.checkSize(pixels);
    return pixels;
  }

  private async pixels(source: PictureSource): Promise<HostTensor> {
    const picture = source.pixels?.() ?? (await decodePicture(await source.read(), { name: source.name }));
    if (this.transform === undefined) return (await this.model.pixels([picture])).pixel_values!;
    const { shape, data } = await this.transform(picture);
    return new HostTensor("float32", [1, ...shape], data);
  }

  /** A wrong size is no fault of the picture. */
  private checkSize({ shape }: HostTensor): void {
    const { num_channels, image_size } = this.model.config.vision_config;
    const wanted = [1, num_channels, image_size, image_size];
    if (shape.join() === wanted.join()) return;
    throw new InputError({
      code: "shape-mismatch",
      where: "transform",
      expected: `pictures of [${wanted.slice(1).join(", ")}], for which the checkpoint was made`,
      found: `[${shape.slice(1).join(", ")}]`,
    });
  }
}
