import { expect, test } from "vitest";
import { maxTextLength } from "../model/index.js";
import { Random } from "../random/index.js";
import type { MadeSample } from "./sample-source.js";
import { collating, config, dataOf, loaderOf, sourceOf, tokenizer, withBroken } from "./samples.test-support.js";

test("false images are loaded for negatives alone, from the data set of the sample", async () => {
  const data = [await dataOf(6, { set: 50 }), await dataOf(6, { set: 250 })];
  const source = sourceOf(data, { transform: "blip" });
  const red = (made: MadeSample, part: "image" | "falseImage") => made.sample[part]!.pixel_values.data[0]!;
  for (let index = 0; index < source.epochIndex.length; index++) {
    const made = await source.make(0, index, true, new Map());
    expect(red(made, "falseImage")).toBe(red(made, "image"));
    expect(made.images).toHaveLength(2);
    expect((await source.make(0, index, false, new Map())).sample.falseImage).toBeUndefined();
  }
  const { microBatches } = await loaderOf(source, ["itm"]).step(0, 1);
  // Room for three negatives, which a batch of six has.
  expect(microBatches[0]!.pixel_values!.shape).toEqual([9, 3, 16, 16]);
  expect(microBatches[0]!.itm_labels!.toArray().filter((label) => label === 1)).toHaveLength(3);
});

test("a false image or text is never that of the sample, and the other draws do not change", async () => {
  const data = [await dataOf(3, { captions: 2 }), await dataOf(2, { set: 50 })];
  const source = sourceOf(data, { objectives: ["itm", "irtr"], transform: "blip", falseTexts: 8 });
  const ids = (text: string) => tokenizer.encode(text, { maxLength: 16 }).ids;
  const random = new Random(3);
  let same = 0;
  for (let epoch = 0; epoch < 12; epoch++) {
    for (let index = 0; index < source.epochIndex.length; index++) {
      const { dataset, row, globalRow } = source.epochIndex.at(index);
      const { sample, images } = await source.make(epoch, index, true, new Map());
      expect(images[1]).not.toBe(images[0]);
      const own = dataset.texts(row).captions.map(ids);
      for (const falseText of sample.falseTexts!) expect(own).not.toContainEqual(falseText);
      // The first draw, unless it is of the row itself.
      const [from, to] = source.epochIndex.rangeOfDataset(index);
      const drawn = source.epochIndex.at(
        from +
          random
            .at("sample", epoch, index)
            .at("false")
            .below(to - from),
      );
      if (drawn.globalRow === globalRow) same++;
      else expect(images[1]).toBe(`${drawn.dataset.name} row ${drawn.row} image 0`);
      const texts = random.at("sample", epoch, index).at("texts");
      for (const falseText of sample.falseTexts!) {
        const text = source.epochIndex.at(from + texts.below(to - from));
        if (text.globalRow !== globalRow)
          expect(falseText).toEqual(ids(text.dataset.texts(text.row).captions[text.text]!));
      }
    }
  }
  expect(same).toBeGreaterThan(10);
});

test("a false image is not that of the row that replaces a broken image, nor a replacement the sample itself", async () => {
  const data = [withBroken(await dataOf(4), (row) => row > 1)];
  const source = sourceOf(data, { transform: "blip" });
  for (let epoch = 0; epoch < 12; epoch++) {
    for (let index = 0; index < 4; index++) {
      const { images } = await source.make(epoch, index, true, new Map());
      expect([...images].sort()).toEqual(["set 0 row 0 image 0", "set 0 row 1 image 0"]);
    }
  }
});

test("data without another row or caption has no negatives, which is an error", async () => {
  const one = [await dataOf(3), await dataOf(1, { set: 1, captions: 2 })];
  const message =
    "set 1: expected at least two rows that can be used, because false images and texts are those of other rows, found 1.";
  for (const objectives of [["itm"], ["irtr"]] as const) expect(() => sourceOf(one, { objectives })).toThrow(message);
  sourceOf(one, { objectives: ["itm"], itmFalse: "texts" });
  sourceOf(one, { objectives: ["itc", "mlm"] });
  const twice = await dataOf(1, { captions: 1 });
  const equal = { ...(await dataOf(2)), texts: () => twice.texts(0) };
  const source = sourceOf([equal], { objectives: ["irtr"] });
  await expect(source.make(0, 1, false, new Map())).rejects.toThrow(
    "set 0: expected a caption that row 1 does not have, as a false text of the objective irtr, found none.",
  );
});

test("false texts: hard negatives of the row, sometimes none, and no false images", async () => {
  const negatives = [{ text: "none of it" }, { text: "nor this" }];
  const source = sourceOf([await dataOf(60, { negatives })], { transform: "blip", itmFalse: "texts" });
  const text = (ids: readonly number[]) => tokenizer.decode(ids.slice(1, -1)).trim();
  const made = await Promise.all([...Array(60).keys()].map((index) => source.make(0, index, false, new Map())));
  const drawn = made.map(({ sample }) => (sample.falseText === undefined ? undefined : text(sample.falseText)));
  const count = (wanted: string | undefined) => drawn.filter((one) => one === wanted).length;
  expect(count("none of it") + count("nor this") + count(undefined)).toBe(60);
  for (const [wanted, share] of [
    ["none of it", 3 / 8],
    ["nor this", 3 / 8],
    [undefined, 1 / 4],
  ] as const) {
    // Four standard deviations.
    expect(Math.abs(count(wanted) - 60 * share), wanted).toBeLessThan(4 * Math.sqrt(60 * share * (1 - share)));
  }
  const loader = loaderOf(source, ["itm"], { collate: { ...collating, itmFalse: "texts" } });
  const { microBatches } = await loader.step(0, 1);
  expect(microBatches[0]!.pixel_values!.shape).toEqual([6, 3, 16, 16]);
  expect(microBatches[0]!.itm_labels!.shape).toEqual([12]);
  // Without negatives.
  const bare = sourceOf([await dataOf(6)], { transform: "blip", itmFalse: "texts" });
  expect((await bare.make(0, 0, false, new Map())).sample).not.toHaveProperty("falseText");
});

test("other images and texts are sampled in each epoch", async () => {
  const source = sourceOf([await dataOf(9)], { objectives: ["itm", "irtr"], transform: "blip" });
  const drawn = async (epoch: number) => {
    const made = await Promise.all([0, 1, 2, 3].map((index) => source.make(epoch, index, true, new Map())));
    return made.map(({ images, sample }) => [images[1], sample.falseTexts]);
  };
  expect(await drawn(0)).toEqual(await drawn(0));
  expect(await drawn(0)).not.toEqual(await drawn(1));
});

test("texts: that of the sample, and one of each other kind that can be learned, truncated to max_text_len", async () => {
  const source = sourceOf([await dataOf(5, { captions: 3 })], {
    objectives: ["itc", "irtr", "vqa", "snli"],
    falseTexts: 4,
  });
  const text = (ids: readonly number[]) => tokenizer.decode(ids.slice(1, -1)).trim();
  const { sample } = await source.make(0, 7, false, new Map());
  expect(text(sample.caption!)).toBe("image 2 of set 0, text 1".slice(0, text(sample.caption!).length));
  expect(sample.falseTexts).toHaveLength(4);
  expect(text(sample.question!.text)).toBe("colour 2?");
  expect([...sample.question!.scores]).toEqual([[2, 0.6]]);
  expect([text(sample.hypothesis!.text), sample.hypothesis!.label]).toEqual(["hypothesis 2", 2]);
  expect(sample.caption!.length).toBeLessThanOrEqual(16);
  expect(maxTextLength(config.text_config)).toBeGreaterThan(16);
});

test("a statement has both its images", async () => {
  const source = sourceOf([await dataOf(3)], { objectives: ["nlvr2"], transform: "blip" });
  const { sample, images } = await source.make(0, 2, false, new Map());
  const blue = (pixels: { readonly data: ArrayLike<number> }) => pixels.data[pixels.data.length - 1]!;
  expect(images).toEqual(["set 0 row 2 image 0", "set 0 row 2 image 1"]);
  expect(blue(sample.statement!.secondImage.pixel_values)).toBeGreaterThan(blue(sample.image.pixel_values));
  expect(sample.image.id).not.toBe(sample.statement!.secondImage.id);
  const { microBatches } = await loaderOf(source, ["nlvr2"], { batch_size: 3 }).step(0, 1);
  expect(microBatches[0]!.pixel_values!.shape[0]).toBe(6);
});

test("a broken image is replaced by another sample, always the same one, and named", async () => {
  const data = [withBroken(await dataOf(6), (row) => row === 2 || row === 4)];
  const make = (index: number) => sourceOf(data, { transform: "blip" }).make(0, index, false, new Map());
  const made = await make(2);
  expect(made.sample.index).toBe(2);
  expect(made.broken[0]).toEqual({
    name: "set 0 row 2 image 0",
    problem: expect.stringMatching(/^set 0 row 2 image 0: expected /) as string,
  });
  expect(made.images).toHaveLength(1);
  expect(["set 0 row 2 image 0", "set 0 row 4 image 0"]).not.toContain(made.images[0]);
  // Text and image are of one row.
  const row = /row (\d)/.exec(made.images[0]!)![1]!;
  expect(tokenizer.decode(made.sample.caption!.slice(1, -1))).toContain(`image ${row} of set 0`);
  const again = await make(2);
  expect(again).toEqual(made);
  expect((await make(1)).broken).toEqual([]);
});

test("a broken false image is replaced from the data set of the sample", async () => {
  const data = [await dataOf(3, { set: 50 }), withBroken(await dataOf(5, { set: 250 }), (row) => row > 1)];
  const source = sourceOf(data, { transform: "blip" });
  const made = await source.make(0, 3, true, new Map());
  expect(made.images[1]).toBe("set 250 row 1 image 0");
});

test("if no image can be read, the error after twenty tries has the first reason", async () => {
  const source = sourceOf([withBroken(await dataOf(3), () => true)]);
  await expect(source.make(0, 0, false, new Map())).rejects.toThrow(
    /^set 0: expected images that can be read, found none in 20 tries; the first problem: set 0 row 0 image 0: expected .*[^.]\. Check that the images still exist\.$/,
  );
});
