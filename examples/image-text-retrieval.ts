/**
 * Matches texts with an image: the example of the model cards, `BridgeTowerForImageAndTextRetrieval`.
 * Usage: npx tsx examples/image-text-retrieval.ts [model] [image] [text …]
 */
import { fileURLToPath } from "node:url";
import { BridgeTowerForImageAndTextRetrieval, BridgeTowerProcessor, defaultModel } from "bridgetower";

const [id = defaultModel, image = fileURLToPath(new URL("images/006.png", import.meta.url)), ...texts] =
  process.argv.slice(2);
if (texts.length === 0)
  texts.push("a satellite on the left side on a white background", "two phones and four pumpkins");

const processor = await BridgeTowerProcessor.fromPretrained(id);
const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(id);

const scores: Record<string, number> = {};
for (const text of texts) {
  const encoding = await processor.process(image, text);
  const outputs = await model.forward(encoding);
  scores[text] = outputs.logits.at(0, 1);
}
for (const [text, score] of Object.entries(scores)) console.log(score.toFixed(2).padStart(6), text);
await model.dispose();
