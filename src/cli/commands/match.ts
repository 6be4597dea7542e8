import type { Command } from "commander";
import type { MatchScore } from "../../inference/index.js";
import { addCommonOptions, requireOptions, repeated, taskOptions, type CommonOptions } from "../options.js";
import { imageFiles } from "../image-files.js";
import { probabilities } from "../terminal/probabilities.js";
import type { Terminal } from "../terminal/terminal.js";
import { readTexts } from "../texts.js";

interface MatchOptions extends CommonOptions {
  readonly image: readonly string[];
  readonly text: readonly string[];
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "text"]);
  addCommonOptions(
    command
      .addOption(repeated("--image <file>", "image, or folder of images; may be repeated"))
      .addOption(repeated("--text <text>", "text, or - for lines of standard input; may be repeated")),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower match --image photo.png --text 'a fox left of a moose' --text 'a tower on a hill'",
    )
    .action(async (options: MatchOptions) => {
      const images = await imageFiles(options.image);
      const texts = await readTexts(options.text, terminal.stdin);
      const { BridgeTower } = await import("../../inference/index.js");
      const model = await BridgeTower.fromPretrained(options.model, taskOptions(options, terminal, ["match"]));
      const scores = await model.match(images, texts, { onProgress: terminal.progress.start("pairs") });
      const document = {
        scores: scores.map(({ image, text, logits, probability }) => ({
          image: images[image]!,
          text: texts[text]!,
          logits,
          probability,
        })),
      };
      terminal.show(options.json, document, () => grouped(scores, images, texts, terminal));
    });
}

/** A heading for each image and its texts below, best first; for one text and many images the other way round. */
function grouped(
  scores: readonly MatchScore[],
  images: readonly string[],
  texts: readonly string[],
  terminal: Terminal,
): string {
  const [outer, inner] =
    texts.length === 1 && images.length > 1 ? (["text", "image"] as const) : (["image", "text"] as const);
  const names = { image: images, text: texts };
  const groups = names[outer].map((heading, group) => {
    const size = names[inner].length;
    const entries = scores
      .slice(group * size, (group + 1) * size)
      .sort((a, b) => b.probability - a.probability)
      .map((score) => ({ name: names[inner][score[inner]]!, probability: score.probability }));
    return probabilities(heading, entries, terminal);
  });
  return groups.join("\n");
}
