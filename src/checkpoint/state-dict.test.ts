import { expect, test } from "vitest";

import { InputError } from "../errors.js";
import { findStateDict } from "./state-dict.js";
import { TorchTensor, type TorchValue } from "./torch-file.js";

const tensor = new TorchTensor("float32", [1], new Uint8Array(4));

/** A dict with this value under a thousand keys, as a few kilobytes of pickle can write it. */
const shared = (value: TorchValue): TorchValue => new Map(Array.from({ length: 1000 }, (_, i) => [`k${i}`, value]));

test("a dict that is in a file a billion times is searched once", () => {
  const weights: TorchValue = new Map([["a.weight", tensor]]);
  const { path, others, tensors } = findStateDict("x", shared(shared(weights)));
  expect([path, others.length, [...tensors.keys()]]).toEqual(["k0.k0", 1998, ["a.weight"]]);
  expect(() => findStateDict("x", shared(shared(shared(shared(null)))))).toThrow(InputError);
});

test("a dict that holds itself", () => {
  const dict = new Map<TorchValue, TorchValue>([["w", tensor]]);
  dict.set("self", dict);
  expect(findStateDict("x", dict)).toMatchObject({ path: "", nonTensors: ["self"], others: [] });
});
