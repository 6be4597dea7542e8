/**
 * Files of `torch.save`. In the zip format (torch 1.6 and later), `data.pkl` describes the tensors, `data/<key>` holds each storage's
 * bytes; `legacy-torch-file.ts` reads the format before. Torch serialization notes:
 * https://docs.pytorch.org/docs/stable/notes/serialization.html
 */

import { type OpenFile, withFile } from "../files/index.js";
import { InputError } from "../errors.js";
import { type DType, dtypes, type StoredTensor } from "../graph/index.js";

import { ForeignObject, type PickleGlobal, type PickleValue, unpickle } from "./pickle.js";
import { checkedByteLength, checkedShape } from "./tensor-shape.js";
import { type StridedView, gatherStrided, isContiguous, spanOf } from "./strided.js";
import { isLegacyTorchFile, readLegacyArchive } from "./legacy-torch-file.js";
import { maxPickle, storageDTypes, type TorchArchive } from "./torch-archive.js";
import { type ZipEntry, readZipEntries } from "./zip.js";

/** A tensor of a torch file. Contiguous tensors are read from the file, others are gathered into memory. */
export class TorchTensor implements StoredTensor {
  constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    readonly data: StoredTensor["data"],
  ) {}
}

/** The bytes of one storage, and the type of its elements if the file says it (old-style storages do). */
class TorchStorage {
  constructor(
    readonly dtype: DType,
    readonly entry: ZipEntry,
  ) {}
}

type TorchObject = TorchTensor | TorchStorage;

/** What a torch file may hold: plain values, lists, dicts and tensors. Lists may hold themselves. */
export type TorchValue = PickleValue<TorchObject>;

const resave = "Save it again with a recent torch.save, or better as safetensors";

export interface TorchFileOptions {
  /**
   * How to treat names other than tensors, storages and OrderedDict: refuse the file (default), or read them as a `ForeignObject`, for
   * files that also contain objects of a trainer or of TorchScript.
   */
  readonly foreign?: "refuse" | "keep";
}

/**
 * The unpickled content of a torch file. No code in it is executed.
 * @throws InputError naming the file, and the entry, if one is invalid.
 */
export function readTorchFile(path: string, { foreign = "refuse" }: TorchFileOptions = {}): Promise<TorchValue> {
  return withFile(path, async (file) => {
    const archive = (await isLegacyTorchFile(file)) ? await readLegacyArchive(file) : await readArchive(file);
    const gathered: { view: StridedView; into: Uint8Array }[] = [];
    const host = new TorchHost(file, archive, foreign, (view, into) => gathered.push({ view, into }));
    const value = unpickle(archive.pickle, host);
    for (const { view, into } of gathered) {
      const { offset, length } = spanOf(view);
      gatherStrided(view, await file.read(view.base + offset, length), into);
    }
    return value;
  });
}

async function checkFormat(file: OpenFile): Promise<void> {
  const start = await file.read(0, Math.min(file.size, 512));
  const text = (from: number, to: number) => new TextDecoder("latin1").decode(start.subarray(from, to));
  if (text(0, 4) === "PK\u0003\u0004") return;
  const pickled = start[0] === 0x80;
  const expected = "a file written by torch.save";
  if (file.size === 0)
    throw new InputError({ code: "corrupt-file", where: file.name, expected, found: "an empty file" });
  if (text(0, 8) === "version ") {
    const hint = "Run git lfs pull in that folder";
    throw new InputError({
      code: "unsupported-format",
      where: file.name,
      expected,
      found: "a Git LFS pointer, which only names the weights",
      hint,
    });
  }
  const found = pickled ? "a bare pickle" : text(257, 262) === "ustar" ? "a tar file" : "other bytes";
  throw new InputError({ code: "unsupported-format", where: file.name, expected, found, hint: resave });
}

async function readArchive(file: OpenFile): Promise<TorchArchive> {
  await checkFormat(file);
  // TorchScript archives also contain compressed code, which is not read.
  const entries = await readZipEntries(file, (name) => /^[^/]+\/(data\.pkl|byteorder|data\/[^/]+)$/.test(name));
  const pickles = [...entries.values()].filter(({ name }) => name.endsWith("/data.pkl"));
  const [entry, ...others] = pickles;
  if (entry === undefined || others.length > 0) {
    const found = entry === undefined ? "none" : "several";
    throw new InputError({
      code: "invalid-checkpoint",
      where: file.name,
      expected: "one data.pkl in the archive",
      found,
      hint: resave,
    });
  }
  if (entry.length > maxPickle) {
    const where = `${file.name}: ${entry.name}`;
    throw new InputError({
      code: "file-too-large",
      where,
      expected: `at most ${maxPickle} bytes`,
      found: String(entry.length),
    });
  }
  const folder = entry.name.slice(0, -"data.pkl".length);
  await checkByteOrder(file, entries.get(`${folder}byteorder`));
  return {
    where: `${file.name}: data.pkl`,
    pickle: await file.read(entry.offset, entry.length),
    storage: (key) => entries.get(`${folder}data/${key}`),
  };
}

async function checkByteOrder(file: OpenFile, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined) return;
  const order = new TextDecoder().decode(await file.read(entry.offset, Math.min(entry.length, 16)));
  if (order === "little") return;
  throw new InputError({
    code: "unsupported-format",
    where: `${file.name}: ${entry.name}`,
    expected: "little",
    found: order,
    hint: resave,
  });
}

/** Gives the pickle machine its few names: storages, OrderedDict and the calls that rebuild tensors. */
class TorchHost {
  readonly where: string;
  private readonly globals: ReadonlyMap<string, PickleGlobal<TorchObject>>;
  /** Bytes that views not laid out row by row may still cost; a small file must not fill the memory. */
  private budget: number;

  constructor(
    private readonly file: OpenFile,
    private readonly archive: TorchArchive,
    private readonly foreign: "refuse" | "keep",
    private readonly gather: (view: StridedView, into: Uint8Array) => void,
  ) {
    this.where = archive.where;
    this.budget = 4 * file.size + 2 ** 24;
    this.globals = new Map(this.names().map((global) => [global.name, global]));
  }

  readonly global = (name: string): PickleGlobal<TorchObject> | undefined => {
    const known = this.globals.get(name);
    if (known !== undefined || this.foreign === "refuse") return known;
    return { kind: "global", name, foreign: true, call: () => new ForeignObject(name) };
  };

  /** `("storage", type, key, device, elements)`, in the legacy format with a view at the end, which is None since torch 0.4 */
  readonly persistent = (id: TorchValue): TorchStorage | ForeignObject => {
    const [tag, type, key, , elements, view = null]: readonly TorchValue[] = Array.isArray(id) ? id : [];
    const typeName = typeof type === "object" && type !== null && "name" in type ? type.name : undefined;
    if (typeName !== undefined && isForeign(type)) return new ForeignObject(typeName);
    const dtype = storageDTypes.get(typeName ?? "");
    if (tag !== "storage" || dtype === undefined || typeof key !== "string" || typeof elements !== "number") {
      throw this.problem("a storage with type, key and size", "another persistent id");
    }
    if (view !== null) throw this.problem("storages of their own", "a view of another storage, as before torch 0.4");
    const entry = this.archive.storage(key);
    if (entry === undefined) throw this.problem(`the storage data/${key}`, "no such entry in the archive");
    if (!(elements * dtypes[dtype].bytes <= entry.length)) {
      throw this.problem(`${elements} elements of ${dtype} in ${entry.name}`, `${entry.length} bytes`);
    }
    return new TorchStorage(dtype, entry);
  };

  private names(): PickleGlobal<TorchObject>[] {
    const tokens = [...storageDTypes.keys(), ...Object.keys(dtypes).map((dtype) => `torch.${dtype}`)];
    return [
      ...tokens.map((name) => ({ kind: "global" as const, name })),
      { kind: "global", name: "collections.OrderedDict", call: (args) => this.orderedDict(args) },
      { kind: "global", name: "torch._utils._rebuild_tensor_v2", call: (args) => this.tensor(args) },
      { kind: "global", name: "torch._utils._rebuild_tensor_v3", call: (args) => this.tensorOfType(args) },
      { kind: "global", name: "torch._utils._rebuild_parameter", call: (args) => this.parameter(args) },
    ];
  }

  private orderedDict(args: readonly TorchValue[]): TorchValue {
    if (args.length > 0) throw this.problem("OrderedDict without arguments", `${args.length} arguments`);
    return new Map();
  }

  /** `(tensor, requires_grad, backward_hooks)` */
  private parameter([tensor]: readonly TorchValue[]): TorchTensor | ForeignObject {
    if (tensor instanceof ForeignObject) return tensor;
    if (!(tensor instanceof TorchTensor)) throw this.problem("a parameter around a tensor", "another value");
    return tensor;
  }

  /** `(storage, offset, size, stride, requires_grad, backward_hooks, metadata?)`, counted in the storage's elements */
  private tensor(args: readonly TorchValue[]): TorchTensor | ForeignObject {
    const [storage] = args;
    if (storage instanceof ForeignObject) return storage;
    if (!(storage instanceof TorchStorage)) throw this.problem("a tensor on a storage", "another value");
    return this.view(storage.dtype, storage.entry, args);
  }

  /** As above with the element type in the seventh place. */
  private tensorOfType(args: readonly TorchValue[]): TorchTensor {
    const [storage] = args;
    const type = args[6];
    const name = typeof type === "object" && type !== null && "name" in type ? type.name : "";
    const dtype = Object.keys(dtypes).find((known): known is DType => name === `torch.${known}`);
    if (!(storage instanceof TorchStorage) || dtype === undefined) {
      throw this.problem("a tensor on a storage, with a known dtype", "other values");
    }
    return this.view(dtype, storage.entry, args);
  }

  private view(dtype: DType, entry: ZipEntry, [, offset, size, stride]: readonly TorchValue[]): TorchTensor {
    const where = `${this.where}, tensor on ${entry.name}`;
    const [start] = checkedShape(where, [offset]);
    const shape = checkedShape(where, size);
    const strides = checkedShape(where, stride);
    if (strides.length !== shape.length) {
      throw this.problem(`one stride a dimension on ${entry.name}`, `${strides.length} for ${shape.length}`);
    }
    const length = checkedByteLength(where, dtype, shape);
    const view = { bytes: dtypes[dtype].bytes, base: entry.offset, offset: start!, shape, strides };
    const span = spanOf(view);
    if (!(span.offset + span.length <= entry.length)) {
      const expected = `offset ${start!} and strides [${strides.join(", ")}] inside ${entry.name}`;
      throw this.problem(expected, `a tensor [${shape.join(", ")}] that reaches past its ${entry.length} bytes`);
    }
    if (isContiguous(shape, strides)) {
      return new TorchTensor(dtype, shape, { path: this.file.path, offset: view.base + span.offset, length });
    }
    this.budget -= length + span.length;
    if (this.budget < 0) throw this.problem("tensors laid out row by row", "views far larger than the file");
    const into = new Uint8Array(length);
    this.gather(view, into);
    return new TorchTensor(dtype, shape, into);
  }

  private problem(expected: string, found: string): InputError {
    return new InputError({ code: "invalid-checkpoint", where: this.where, expected, found, hint: resave });
  }
}

function isForeign(value: TorchValue | undefined): boolean {
  return typeof value === "object" && value !== null && "foreign" in value && value.foreign === true;
}
