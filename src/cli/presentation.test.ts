/** Output for people. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSafetensors, writeSafetensors, type WritableTensor } from "../checkpoint/index.js";
import { tinyCheckpoint, tinyConfig } from "../inference/tiny-checkpoint.test-support.js";
import { runCli } from "./run-cli.test-support.js";

const image = "examples/images/000.png";
const one = ["--image", image, "--text", "an angel between a traffic light and a snowman"];
const other = ["--image", "examples/images/003.png", "--text", "the razor is larger than the volleyball"];

async function shown(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args);
  expect(`${code}${stderr}`).toBe("0");
  return stdout;
}

/** Converts a checkpoint of Lightning, whose trainer's state is left out with one warning. */
async function convert(...args: string[]): Promise<string> {
  const checkpoint = "src/conversion/fixtures/lightning.ckpt";
  const { code, stdout, stderr } = await runCli(["convert", checkpoint, ...args]);
  expect(stderr).toBe(
    `bridgetower: warning: ${checkpoint}: read the weights under state_dict; left out epoch, global_step, ` +
      "pytorch-lightning_version, callbacks and 5 more\n",
  );
  expect(code).toBe(0);
  return stdout;
}

test("match: the best text of each image first, control characters escaped", async () => {
  expect(await shown("match", ...one, ...other, "--text", "", "--text", "\u001b[31m")).toMatchInlineSnapshot(`
    "examples/images/000.png
      81.3%  ████████▏   an angel between a traffic light and a snowman
      39.8%  ████        \\u001b[31m
       2.2%  ▎           ""
       0.1%              the razor is larger than the volleyball

    examples/images/003.png
      12.3%  █▎          \\u001b[31m
       8.9%  ▉           ""
       0.3%              the razor is larger than the volleyball
       0.1%              an angel between a traffic light and a snowman
    "
  `);
});

test("match: one text and many images, the best image first", async () => {
  expect(await shown("match", ...one, "--image", "examples/images/003.png")).toMatchInlineSnapshot(`
    "an angel between a traffic light and a snowman
      81.3%  ████████▏   examples/images/000.png
       0.1%              examples/images/003.png
    "
  `);
});

test("convert: prints how each kind of name was converted", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
  const out = join(folder, "model");
  const text = await convert(out);
  expect(text.replaceAll(folder, "")).toMatchInlineSnapshot(`
    "/model/model.safetensors
    /model/preprocessor_config.json
    /model/config.json

      mapped     1  vit_model.visual.conv1.weight → vision_model.visual.embeddings.patch_embedding.weight
      mapped     1  vit_model.visual.class_embedding → vision_model.visual.embeddings.class_embedding
      mapped     1  vit_model.visual.positional_embedding → vision_model.visual.embeddings.position_embedding.weight
      mapped     2  vit_model.visual.ln_pre.* → vision_model.visual.ln_pre.*
      mapped     2  vit_model.visual.ln_post.* → vision_model.visual.ln_post.*
      mapped    12  vit_model.visual.transformer.resblocks.{i}.* → vision_model.visual.transformer.resblocks.{i}.*
      mapped    23  text_transformer.* → text_model.*
      mapped   120  cross_modal_*
      mapped     1  token_type_embeddings.weight
      mapped     2  itm_score.*
      mapped     6  mlm_score.*
      mapped     2  itc_text_head.*
      mapped     2  itc_image_head.*
      mapped     1  temperature
      mapped     6  vqa_classifier.*
      mapped     2  rank_output.*
      derived    1  logit_scale: −ln(temperature)
      dropped    1  vit_model.positional_embedding
      dropped    2  vit_model.ln_final.*
      dropped    1  text_transformer.embeddings.position_ids
      surplus    1  confusion.total
    "
  `);
  await rm(folder, { recursive: true });
});

test("convert: JSON for programs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
  const text = await convert(folder, "--json");
  expect(JSON.parse(text)).toMatchObject({
    out: folder,
    files: ["model.safetensors", "preprocessor_config.json", "config.json"].map((name) => join(folder, name)),
    config: { model_type: "bridgetower", contrastive_form: "dual" },
    derived: [{ name: "logit_scale", how: "−ln(temperature)" }],
    surplus: ["confusion.total"],
  });
  await rm(folder, { recursive: true });
});

test("convert: all weights in the type of --dtype", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
  await convert(folder, "--dtype", "bfloat16");
  const weights = await readSafetensors(join(folder, "model.safetensors"));
  expect(new Set([...weights.values()].map(({ dtype }) => dtype))).toEqual(new Set(["bfloat16"]));
  await rm(folder, { recursive: true });
});

test("fill-mask", async () => {
  const text = "an <mask> between a <mask> light and a snowman";
  expect(await shown("fill-mask", "--image", image, "--text", text, "--top-k", "2")).toMatchInlineSnapshot(`
    "sentence:  owl an angel between a traffic light and a penguin a

    mask 1
      32.0%  ███▎        " angel"
      27.2%  ██▊         " owl"

    mask 2
      98.8%  █████████▉  " traffic"
       0.3%              " vampire"
    "
  `);
});

test("answer: best first", async () => {
  const question = ["--question", "where is this?", "--top-k", "3"];
  expect(await shown("answer", "--image", "examples/images/003.png", ...question)).toMatchInlineSnapshot(`
    "where is this?
      100.0%  ██████████  beach
        0.0%              2
        0.0%              orange
    "
  `);
});

test("entail and compare", async () => {
  const config = tinyConfig({ token_type_count: 3 });
  const model = ["--model", await tinyCheckpoint({ config, heads: ["snli", "nlvr2"] }), "--image", image];
  expect(await shown("entail", ...model, "--hypothesis", "a cat")).toMatchInlineSnapshot(`
    "a cat
      34.6%  ███▌        contradiction
      33.9%  ███▍        neutral
      31.5%  ███▏        entailment
    "
  `);
  expect(await shown("compare", ...model, "--image", image, "--statement", "")).toMatchInlineSnapshot(`
    """
      52.6%  █████▎      true
    "
  `);
});

test("embed", async () => {
  expect(await shown("embed", ...one, ...other, "--pairs")).toMatchInlineSnapshot(`
    "128 dimensions; the first 4 are shown, --json gives all
      image   0.047 -0.126  0.034  0.063 …  examples/images/000.png
      image  -0.082  0.032 -0.122  0.151 …  examples/images/003.png
      text   -0.010 -0.139  0.110  0.137 …  an angel between a traffic light and a snowman
      text    0.069 -0.050 -0.019  0.051 …  the razor is larger than the volleyball
      pair    0.042 -0.133  0.046 -0.008 …  examples/images/000.png + an angel between a traffic light and a snowman
      pair   -0.019  0.014 -0.157  0.120 …  examples/images/003.png + the razor is larger than the volleyball
    "
  `);
});

test("help: every command with its summary, each command with an example", async () => {
  expect(await shown("--help")).toMatchInlineSnapshot(`
    "Usage: bridgetower [options] [command]

    BridgeTower, a vision-language model: match images with texts, predict masked
    words, embed.

    Options:
      -V, --version   output the version number
      -h, --help      display help for command

    Commands:
      match           score images against texts
      fill-mask       predict masked words
      embed           embed images, texts and pairs
      answer          answer a question about an image
      entail          classify a text as entailed, neutral or contradicted by an
                      image
      compare         check a statement about two images
      encode          write the model's features to a file
      preprocess      write the model's inputs to a file
      export          write the model as ONNX files
      convert         convert a training checkpoint to the Hugging Face layout
      prepare         convert a published data set to Arrow tables
      train           train a model, or resume a run
      evaluate        evaluate a model on a data set
      help [command]  display help for command
    "
  `);
  for (const name of ["match", "fill-mask", "embed", "answer", "entail", "compare", "encode", "preprocess", "export"]) {
    expect(await shown("help", name)).toMatch(new RegExp(`Examples?:\\n  \\$ bridgetower ${name} --`));
  }
});

test("--version is the package's", async () => {
  expect(await shown("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("a warning goes to standard error", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
  await cp("models/emoji", folder, { recursive: true });
  const tensors = new Map<string, WritableTensor>(await readSafetensors("models/emoji/model.safetensors"));
  tensors.set("extra.weight", { dtype: "float32", shape: [1], data: Float32Array.of(0) });
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  const { code, stdout, stderr } = await runCli(["embed", "--model", folder, "--text", "a fox", "--json"]);
  await rm(folder, { recursive: true });
  expect(stderr).toMatch(/^bridgetower: warning: .*extra\.weight\n$/);
  expect(JSON.parse(stdout)).toHaveProperty("dimensions", 128);
  expect(code).toBe(0);
});
