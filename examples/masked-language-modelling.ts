/**
 * Predicts the masked word of a caption: the example of the model cards, `BridgeTowerForMaskedLM`.
 * Usage: npx tsx examples/masked-language-modelling.ts [model] [image] [text]
 */
import { fileURLToPath } from "node:url";
import { BridgeTowerForMaskedLM, BridgeTowerProcessor, defaultModel } from "bridgetower";

const [
  id = defaultModel,
  image = fileURLToPath(new URL("images/001.png", import.meta.url)),
  text = "a fox on an <mask> background",
] = process.argv.slice(2);

const processor = await BridgeTowerProcessor.fromPretrained(id);
const model = await BridgeTowerForMaskedLM.fromPretrained(id);

const encoding = await processor.process(image, text);
const outputs = await model.forward(encoding);
const results = processor.decode(outputs.logits.argmax().row(0).data);
console.log(results);
await model.dispose();
