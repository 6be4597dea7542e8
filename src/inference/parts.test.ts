/** The parts in a row, as the tasks run them, against the golden logits of every head. */
import { expect, test } from "vitest";
import { tinyStoredTensor } from "../../fixtures/golden.js";
import { deviation } from "../../fixtures/tolerance.js";
import { readTrainingCase } from "../../fixtures/training-golden.js";
import { HostTensor } from "../graph/index.js";
import { parseConfig } from "../model/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { parts, type Part } from "./parts.js";

type States = Readonly<Record<string, HostTensor>>;

/** A golden case, its parts with the formula's weights, and the states of each text and image of its stacks. */
function golden(name: string) {
  const { config: json, feeds, outputs } = readTrainingCase(name);
  const config = parseConfig(json, `${name}.json`);
  const run = (part: Part, each: readonly States[]) => evaluateAll(parts[part](config), each, tinyStoredTensor);
  const rows = (input: string) => feeds[input]!.toArray();
  const texts = async (input: string, part: "text" | "text itc" = "text") => {
    const stack = rows(input).map((row) => ({
      input_ids: single(feeds.input_ids!, row),
      attention_mask: single(feeds.attention_mask!, row),
    }));
    return (await run(part, stack)).map((states, i) => ({ ...states, attention_mask: stack[i]!.attention_mask }));
  };
  const images = (input: string, part: "image" | "second image" | "image itc" = "image") =>
    run(
      part,
      rows(input).map((row) => ({ pixel_values: single(feeds.pixel_values!, row) })),
    );
  return { run, feeds, texts, images, expected: (output: string) => outputs.get(output)!.toArray() };
}

/** Row `index` as a batch of one. */
function single(stack: HostTensor, index: number): HostTensor {
  const { dtype, shape, data } = stack.row(index);
  return new HostTensor(dtype, [1, ...shape], data);
}

const paired = (texts: readonly States[], images: readonly States[]): States[] =>
  texts.map((text, i) => ({ ...text, ...images[i]! }));

const column = (results: readonly States[], output: string) => results.flatMap((result) => result[output]!.toArray());

test.each([
  ["vqa", "vqa", "fusion vqa"],
  ["vqa_one_layer", "vqa", "fusion vqa"],
  ["vqa_scale2", "vqa", "fusion vqa"],
  ["snli", "snli", "fusion snli"],
  ["itm", "itm", "fusion itm"],
  ["meter", "itm", "fusion itm"],
  ["meter_fusion", "itm", "fusion itm"],
] as const)("%s: %s", async (name, head, part) => {
  const { run, texts, images, expected } = golden(name);
  const results = await run(part, paired(await texts(`${head}_texts`), await images(`${head}_images`)));
  const output = head === "itm" ? "logits" : `${head}_logits`;
  expect(deviation(column(results, output), expected(`${head}.logits`))).toBeLessThan(1);
});

test.each(["mlm", "meter", "meter_fusion"])("%s: masked words", async (name) => {
  const { run, feeds, texts, images, expected } = golden(name);
  const results = await run("fusion mlm", paired(await texts("mlm_texts"), await images("mlm_images")));
  const labels = feeds.mlm_labels!;
  const atLabels = results.flatMap(({ mlm_logits }, text) =>
    labels
      .row(text)
      .toArray()
      .flatMap((label, token) => (label === -100 ? [] : mlm_logits!.row(0).row(token).toArray())),
  );
  expect(deviation(atLabels, expected("mlm.logits"))).toBeLessThan(1);
});

test("nlvr2: the second image has a separate token type", async () => {
  const { run, texts, images, expected } = golden("nlvr2");
  const statements = await texts("nlvr2_texts");
  const first = await run("fusion pooled", paired(statements, await images("nlvr2_first_images")));
  const second = await run("fusion pooled", paired(statements, await images("nlvr2_second_images", "second image")));
  const pairs = first.map(({ pooler_output }, i) => ({
    first_pooler_output: pooler_output!,
    second_pooler_output: second[i]!.pooler_output!,
  }));
  const results = await run("comparison nlvr2", pairs);
  expect(deviation(column(results, "nlvr2_logits"), expected("nlvr2.logits"))).toBeLessThan(1);
});

test.each(["itc_joint", "itc_dual"])("%s: embeddings of texts and images", async (name) => {
  const { texts, images, expected } = golden(name);
  const [ofTexts, ofImages] = [await texts("itc_texts", "text itc"), await images("itc_images", "image itc")];
  expect(deviation(column(ofTexts, "text_embeds"), expected("itc.text_embeds"))).toBeLessThan(1);
  expect(deviation(column(ofImages, "image_embeds"), expected("itc.image_embeds"))).toBeLessThan(1);
});

test("irtr: scores that rank texts of an image", async () => {
  const { run, feeds, texts, images, expected } = golden("irtr");
  const perImage = feeds.irtr_texts!.shape[1]!;
  const imageStates = (await images("irtr_images")).flatMap((states) => Array<States>(perImage).fill(states));
  const results = await run("fusion rank", paired(await texts("irtr_texts"), imageStates));
  expect(deviation(column(results, "rank_scores"), expected("irtr.logits"))).toBeLessThan(1);
});

test("an image's bridge and embedding from one run are those of two", async () => {
  const { run, feeds } = golden("itc_joint");
  const pixels = [{ pixel_values: single(feeds.pixel_values!, 1) }];
  const [both] = await run("image and itc", pixels);
  const [[bridge], [embedding]] = [await run("image", pixels), await run("image itc", pixels)];
  expect(Object.keys(both!).sort()).toEqual([...Object.keys(bridge!), "image_embeds"].sort());
  for (const [name, tensor] of Object.entries({ ...bridge!, ...embedding! })) {
    expect(deviation(both![name]!.toArray(), tensor.toArray())).toBeLessThan(1);
  }
});
