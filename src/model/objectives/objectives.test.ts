/** Tests which nodes a training graph has. Tests of its numbers: `src/learner/learner-golden.test.ts`. */
import { expect, test } from "vitest";
import { readCase } from "../../../fixtures/golden.js";
import { add, linear, parameterGradients, topologicalOrder, type Tensor } from "../../graph/index.js";
import { trainingGraph, type ObjectiveUses } from "../index.js";

const { config } = readCase("add");
const sizes = { texts: 3, tokens: 7, images: 2, image: { height: 32, width: 32 } };
const step = (uses: ObjectiveUses) => trainingGraph(config, sizes, uses);

const linears = (outputs: readonly Tensor[], name: RegExp) =>
  topologicalOrder(outputs).filter(
    (node) =>
      node.kind === "operation" && node.op === linear && node.inputs.some((x) => "name" in x && name.test(x.name)),
  );

test("towers run once, however many objectives read them", () => {
  const query = /^text_model\.encoder\.layer\.0\.attention\.self\.query\.weight$/;
  const one = step({ itm: { pairs: 4 } });
  const many = step({ itm: { pairs: 4 }, mlm: { pairs: 2 }, itc: { pairs: 2 }, vqa: { pairs: 3 } });
  expect(linears([one.loss], query)).toHaveLength(1);
  expect(linears([many.loss], query)).toHaveLength(1);
  const fused = /^cross_modal_text_layers\.1\.crossattention\.self\.query\.weight$/;
  expect(linears([many.loss], fused)).toHaveLength(4);
});

test("a frozen tower has no backward graph, and none of its inner values is kept", () => {
  const { loss, p, boundaries } = step({ itm: { pairs: 4 } });
  const trained = p.parameters().filter(({ name }) => !name.startsWith("text_model."));
  const gradients = parameterGradients(loss, trained).map(({ gradient }) => gradient);
  const forward = new Set(topologicalOrder([loss]));
  const backward = topologicalOrder(gradients).filter((node) => !forward.has(node));
  const states = new Set(boundaries);
  const lastTextState = boundaries[config.text_config.num_hidden_layers]!;
  const inside = new Set(
    topologicalOrder([lastTextState]).filter((node) => node.kind === "operation" && !states.has(node)),
  );
  const read = backward.flatMap((node) => (node.kind === "operation" ? node.inputs : [])).filter((x) => inside.has(x));
  expect(read.map((x) => (x.kind === "operation" ? x.op.name : x.kind))).toEqual([]);
  const names = backward.flatMap((node) => (node.kind === "parameter" ? [node.name] : []));
  expect(names.filter((name) => name.startsWith("text_model."))).toEqual([]);
});

test("weights multiply the losses of a sum", () => {
  const { loss, results } = step({ itm: { pairs: 4, weight: 0.5 }, mlm: { pairs: 2 } });
  expect(loss.kind === "operation" && loss.op).toBe(add);
  const reached = new Set(topologicalOrder([loss]));
  expect([results.itm!.loss, results.mlm!.loss].every((part) => reached.has(part))).toBe(true);
});
