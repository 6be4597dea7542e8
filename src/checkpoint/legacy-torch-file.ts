/**
 * Files of `torch.save` before torch 1.6, or with `_use_new_zipfile_serialization=False`: five pickles (a magic number, the version, facts
 * of the machine, the content, the keys of the storages), then for each key the number of elements as int64 and their bytes.
 * torch 2.13 `torch.serialization._legacy_save`.
 */
import { InputError } from "../errors.js";
import type { OpenFile } from "../files/index.js";
import { dtypes } from "../graph/index.js";
import { ForeignObject, type PickleHost, type PickleValue, unpickleNext } from "./pickle.js";
import { maxPickle, storageDTypes, type TorchArchive } from "./torch-archive.js";
import type { ZipEntry } from "./zip.js";

const magic = 0x1950a86a20f9469cfc6cn;
const version = 1001;

/** The pickle of the magic number: as text in protocol 1, as ten bytes in the later ones, which may stand in a frame. */
const magicPickle = (() => {
  const digits = magic.toString(16);
  const bytes = Buffer.from(digits, "hex").reverse().toString("latin1");
  const escaped = bytes.replace(/[^A-Za-z0-9]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return new RegExp(`^(?:L${magic}L\\n|\\x80[\\x02-\\x05](?:\\x95[^]{8})?\\x8a\\x0a${escaped})\\.`);
})();

/** Longer than the pickle of the magic number. */
const magicLength = 64;

export async function isLegacyTorchFile(file: OpenFile): Promise<boolean> {
  return (await magicIn(file)) !== undefined;
}

/** The length of the first pickle, if it is the magic number. */
async function magicIn(file: OpenFile): Promise<number | undefined> {
  const start = await file.read(0, Math.min(file.size, magicLength));
  return magicPickle.exec(Buffer.from(start).toString("latin1"))?.[0].length;
}

/** Elements of a storage by the content's pickle, and bytes of one. */
interface StorageSize {
  readonly elements: number;
  readonly bytes: number;
}

/**
 * The content's pickle, and the place of each storage. Reads the pickles and the lengths of storages; no values.
 * @throws InputError when the file is cut short, or its parts contradict each other
 */
export async function readLegacyArchive(file: OpenFile): Promise<TorchArchive> {
  const bytes = await file.read(0, Math.min(file.size, maxPickle));
  let at = (await magicIn(file))!;
  const next = (host: PickleHost<never>) => {
    const { value, length } = unpickleNext(bytes.subarray(at), host);
    const pickle = bytes.subarray(at, at + length);
    at += length;
    return { value, pickle };
  };
  const sizes = new Map<string, StorageSize>();
  const found = next(plainHost(file)).value;
  if (found !== version) throw damaged(file, `version ${version} of torch.save`, "another version");
  const machine = next(plainHost(file)).value;
  if (!(machine instanceof Map) || machine.get("little_endian") !== true) {
    throw damaged(file, "numbers in little-endian order", "another order");
  }
  // The storages come after the pickle that refers to them: it is read once for their sizes, and again for the tensors.
  const { pickle } = next(sizingHost(file, sizes));
  const keys = next(plainHost(file)).value;
  const entries = await locate(file, keys, sizes, at);
  return { where: file.name, pickle, storage: (key) => entries.get(key) };
}

async function locate(
  file: OpenFile,
  keys: PickleValue<never>,
  sizes: ReadonlyMap<string, StorageSize>,
  start: number,
): Promise<ReadonlyMap<string, ZipEntry>> {
  if (!Array.isArray(keys)) throw damaged(file, "a list of storages", "another value");
  const entries = new Map<string, ZipEntry>();
  let at = start;
  for (const key of keys) {
    const size = typeof key === "string" ? sizes.get(key) : undefined;
    if (typeof key !== "string" || size === undefined || entries.has(key)) {
      throw damaged(file, "the storages of the tensors", "others in the list of storages");
    }
    const name = `storage ${key.slice(0, 40)}`;
    if (at + 8 > file.size) throw damaged(file, name, "the end of the file");
    const header = await file.read(at, 8);
    const count = new DataView(header.buffer, header.byteOffset, 8).getBigInt64(0, true);
    if (count !== BigInt(size.elements)) throw damaged(file, `${size.elements} elements of ${name}`, String(count));
    const [offset, length] = [at + 8, size.elements * size.bytes];
    if (offset + length > file.size) throw damaged(file, `${length} bytes of ${name}`, String(file.size - offset));
    entries.set(key, { name, offset, length });
    at = offset + length;
  }
  return entries;
}

const plainHost = (file: OpenFile): PickleHost<never> => ({
  where: file.name,
  global: () => undefined,
  persistent: () => {
    throw damaged(file, "plain values", "a storage");
  },
});

/** Notes the storages; nothing else of the content is looked at. */
const sizingHost = (file: OpenFile, sizes: Map<string, StorageSize>): PickleHost<never> => ({
  where: file.name,
  global: (name) => ({ kind: "global", name, foreign: true, call: () => new ForeignObject(name) }),
  persistent: (id) => {
    const [tag, type, key, , elements]: readonly PickleValue<never>[] = Array.isArray(id) ? id : [];
    const name = typeof type === "object" && type !== null && "name" in type ? type.name : "";
    const dtype = storageDTypes.get(name);
    const isStorage = tag === "storage" && typeof key === "string" && dtype !== undefined;
    if (isStorage && typeof elements === "number" && Number.isSafeInteger(elements) && elements >= 0) {
      sizes.set(key, { elements, bytes: dtypes[dtype].bytes });
    }
    return new ForeignObject(name);
  },
});

const damaged = (file: OpenFile, expected: string, found: string): InputError =>
  new InputError({ code: "corrupt-file", where: file.name, expected, found, hint: "Download or copy the file again" });
