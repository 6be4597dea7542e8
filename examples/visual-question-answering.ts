/**
 * Answers questions about an image; the vision tower runs once for all of them.
 * Usage: npx tsx examples/visual-question-answering.ts [model] [image] [question …]
 */
import { fileURLToPath } from "node:url";
import { BridgeTower, defaultModel } from "bridgetower";

const [id = defaultModel, image = fileURLToPath(new URL("images/007.png", import.meta.url)), ...asked] =
  process.argv.slice(2);
const questions = asked.length > 0 ? asked : ["what kind of thing is this?", "what pattern is the background?"];

const model = await BridgeTower.fromPretrained(id);
const answers = await model.answer(image, questions, { topK: 2 });
for (const [i, question] of questions.entries()) {
  const shown = answers[i]!.map(({ answer, probability }) => `${answer} (${probability.toFixed(2)})`);
  console.log(`${question} ${shown.join(", ")}`);
}
await model.dispose();
