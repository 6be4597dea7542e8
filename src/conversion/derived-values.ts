/** Parameters that a starting point lacks in the wanted form, computed from those that it has. */
import { readTensor } from "../checkpoint/index.js";
import { toFloat32, type Parameter } from "../graph/index.js";
import { headModules, resizeStoredPositions } from "../model/index.js";
import type { StartingTensor } from "./starting-tensors.js";

type Find = (name: string) => StartingTensor | undefined;

export interface DerivedValues {
  /** Their origin in words: `row 1 of itm_score.fc.weight`. */
  readonly how: string;
  /** The parameter of the starting point that they come from. */
  readonly origin: string;
  readonly read: () => Promise<Float32Array<ArrayBuffer>>;
}

/** The values as float32, in a dedicated buffer. */
export async function readValues({ parts }: Pick<StartingTensor, "parts">): Promise<Float32Array<ArrayBuffer>> {
  const pieces: Float32Array[] = [];
  for (const part of parts) pieces.push(toFloat32(await readTensor(part)));
  if (pieces.length === 1) return pieces[0] as Float32Array<ArrayBuffer>;
  const values = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    values.set(piece, at);
    at += piece.length;
  }
  return values;
}

/** How `parameter` follows from the starting point, if it does. Called only for shapes that do not match already. */
export function derivedValues(parameter: Parameter, find: Find): DerivedValues | undefined {
  for (const derive of derivations) {
    const derived = derive(parameter, find);
    if (derived !== undefined) return derived;
  }
  return undefined;
}

const derivations: readonly ((parameter: Parameter, find: Find) => DerivedValues | undefined)[] = [
  resizedPositions,
  thirdTokenType,
  rowOfOtherHead,
  temperatureFromScale,
  scaleFromTemperature,
];

/** The vision position table for another number of patches. As the authors' loader does. */
function resizedPositions({ name, shape }: Parameter, find: Find): DerivedValues | undefined {
  if (name !== "vision_model.visual.embeddings.position_embedding.weight") return undefined;
  const start = find(name);
  const [hidden, from, to] = [shape[1] as number, gridSide(start?.shape[0]), gridSide(shape[0])];
  if (start?.shape[1] !== hidden || from === undefined || to === undefined || from === to) return undefined;
  const how = `resized from ${from} × ${from} to ${to} × ${to} patches`;
  return { how, origin: name, read: async () => resizeStoredPositions(await readValues(start), hidden, from, to) };
}

function gridSide(rows: number | undefined): number | undefined {
  const side = Math.sqrt((rows ?? 0) - 1);
  return Number.isInteger(side) && side > 0 ? side : undefined;
}

/** NLVR2 has two images: the second starts with the token type of the first. As in the authors' code. */
function thirdTokenType({ name, shape }: Parameter, find: Find): DerivedValues | undefined {
  if (name !== "token_type_embeddings.weight" || shape[0] !== 3) return undefined;
  const start = find(name);
  const hidden = shape[1] as number;
  if (start?.shape[0] !== 2 || start.shape[1] !== hidden) return undefined;
  const read = async () => {
    const rows = await readValues(start);
    const values = new Float32Array(3 * hidden);
    values.set(rows);
    values.copyWithin(2 * hidden, hidden, 2 * hidden);
    return values;
  };
  return { how: "row 2 copied from row 1", origin: name, read };
}

/** A head that starts as a row of another one, as the table of heads says: the ranking score as the logit of a match. */
function rowOfOtherHead({ name, shape }: Parameter, find: Find): DerivedValues | undefined {
  const [module, kind] = name.split(".");
  const startsAs = headModules.get(module!)?.startsAs;
  if (startsAs === undefined || find(name) !== undefined) return undefined;
  const { row, rows } = startsAs;
  const origin = `${startsAs.module}.${kind}`;
  const start = find(origin);
  if (start?.shape[0] !== rows || start.shape[1] !== shape[1]) return undefined;
  const read = async () => {
    const values = await readValues(start);
    const width = values.length / rows;
    return values.slice(row * width, (row + 1) * width);
  };
  return { how: `row ${row} of ${origin}`, origin, read };
}

function temperatureFromScale({ name }: Parameter, find: Find): DerivedValues | undefined {
  return name === "temperature"
    ? scalar(name, "logit_scale", find, "exp(−logit_scale)", (x) => Math.exp(-x))
    : undefined;
}

function scaleFromTemperature({ name }: Parameter, find: Find): DerivedValues | undefined {
  return name === "logit_scale"
    ? scalar(name, "temperature", find, "−ln(temperature)", (x) => -Math.log(x))
    : undefined;
}

function scalar(
  name: string,
  origin: string,
  find: Find,
  how: string,
  value: (x: number) => number,
): DerivedValues | undefined {
  const start = find(origin);
  if (find(name) !== undefined || start?.shape.length !== 0) return undefined;
  return { how, origin, read: async () => Float32Array.of(value((await readValues(start))[0]!)) };
}
