/** WebDataset: tar archives in which the files of one sample share their name up to the first dot. */

import { InputError } from "../../../errors.js";
import type { Dataset, ImageSource, RowTexts } from "../../dataset.js";
import { growableFloat64, Spans, TextPool } from "../packed-columns.js";
import type { DataFile } from "../open-files.js";
import { imageEndings } from "../../../processing/index.js";
import { RecordColumns } from "../column-roles.js";
import { rowTexts } from "../row-texts.js";
import { hasTexts, joinTexts, RowStore } from "../row-store.js";
import { RowValues } from "../row-values.js";
import { maxTextBytes, sampleFields, sampleText } from "../sample-text.js";
import { type ReaderInput, maxImageBytes, tableDataset } from "../reader.js";
import { ForwardReader, type TarMember, tarMembers } from "./tar-members.js";

const captionEndings = ["txt", "caption"];
/** Archive members between two calls of `onProgress`. */
const progressInterval = 1000;

/**
 * One row for each sample with an image; samples without one, and files that are neither image, `txt`, `caption` nor `json`, are
 * counted and left out. Of several files of one name, the last is used, as when the archive is unpacked. `KEY.image_0.png` and `KEY.image_1.png` are the two images of a statement. JSON has the fields of a row of JSON Lines.
 * @throws InputError naming archive and file if an archive is damaged or a text is invalid
 */
export async function openWebDataset(input: ReaderInput): Promise<Dataset> {
  const rows = new Rows(input);
  const files: DataFile[] = [];
  for (const path of input.paths) files.push(await input.files.add(path));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const file of files) {
    await rows.addArchive(file, (position) => input.onProgress(before + position, total));
    before += file.size;
    input.onProgress(before, total);
  }
  return rows.finish();
}

/** The files of one sample. */
interface Sample {
  readonly key: string;
  /** The left or only image and the right one, each with the most preferred ending. */
  readonly images: [MemberImage?, MemberImage?];
  isPair: boolean;
  /** By ending. */
  readonly texts: Map<string, TarMember>;
}

interface MemberImage {
  readonly member: TarMember;
  readonly rank: number;
}

class Rows {
  readonly #input: ReaderInput;
  readonly #columns: RecordColumns;
  readonly #store = new RowStore();
  readonly #files: DataFile[] = [];
  /** Images of each row: names, offsets, sizes, archives. */
  readonly #spans = new Spans();
  readonly #names = new TextPool();
  readonly #offsets = growableFloat64();
  readonly #sizes = growableFloat64();
  readonly #archives = growableFloat64();

  constructor(input: ReaderInput) {
    this.#input = input;
    this.#columns = new RecordColumns(input.columns);
  }

  async addArchive(file: DataFile, onProgress: (position: number) => void): Promise<void> {
    const archive = this.#files.push(file) - 1;
    const samples = new Map<string, Sample>();
    let members = 0;
    for await (const member of tarMembers(file, new ForwardReader(file))) {
      if (members++ % progressInterval === 0) {
        this.#input.signal?.throwIfAborted();
        onProgress(member.offset);
      }
      addMember(samples, member, (other) =>
        this.#input.counts.addOther(endingOf(other), () => `${file.name}, ${other.name}`),
      );
    }
    const reader = new ForwardReader(file);
    for (const sample of samples.values()) {
      this.#input.signal?.throwIfAborted();
      await this.#addSample(file, archive, reader, sample);
    }
  }

  finish(): Dataset {
    this.#columns.finish(this.#input.name);
    this.#input.counts.add("repeatedCaptions", undefined, this.#store.repeatedCaptions);
    return tableDataset({
      name: this.#input.name,
      store: this.#store,
      images: (row) =>
        Array.from({ length: this.#spans.count(row) }, (_, i): ImageSource => {
          const index = this.#spans.start(row) + i;
          const file = this.#files[this.#archives.at(index)]!;
          const name = `${file.name}, ${this.#names.at(index)}`;
          return { name, read: () => readMember(file, name, this.#offsets.at(index), this.#sizes.at(index)) };
        }),
    });
  }

  async #addSample(file: DataFile, archive: number, reader: ForwardReader, sample: Sample): Promise<void> {
    const { counts } = this.#input;
    const where = () => `${file.name}, ${sample.key}`;
    const [left, right] = sample.images;
    if (left === undefined || (sample.isPair && right === undefined)) return counts.add("recordsWithoutImage", where);
    const members = sample.isPair ? [left.member, right!.member] : [left.member];
    const found = await this.#textsOf(file, reader, sample);
    if (found === undefined) return;
    counts.add("records");
    if (!hasTexts(found)) counts.add("recordsWithoutText", where);
    this.#spans.add(members.length);
    for (const { name, offset, size } of members) {
      this.#names.add(name);
      this.#offsets.push(offset);
      this.#sizes.push(size);
      this.#archives.push(archive);
    }
    this.#store.add(found);
  }

  /** The texts of a sample; undefined if it belongs to another split. */
  async #textsOf(file: DataFile, reader: ForwardReader, sample: Sample): Promise<RowTexts | undefined> {
    const { counts, split } = this.#input;
    const captions: string[] = [];
    for (const [ending, member] of sample.texts) {
      if (ending === "json") continue;
      const caption = (await readText(file, reader, member)).trim();
      if (caption === "") counts.add("emptyCaptions", () => `${file.name}, ${member.name}`);
      else captions.push(caption);
    }
    const plain = { captions, questions: [], hypotheses: [], statements: [], negatives: [] };
    const json = sample.texts.get("json");
    const where = json === undefined ? file.name : `${file.name}, ${json.name}`;
    const record = json === undefined ? {} : sampleFields(where, await readText(file, reader, json));
    const row = new RowValues(this.#columns.of(record), record, () => where, counts);
    if (!split.keeps(row.get("split"))) return undefined;
    return joinTexts([plain, rowTexts(row, sample.isPair)]);
  }
}

/** Adds a file to its sample. Files of systems, such as `._000.jpg` of macOS, are skipped. @param onOther called with all others */
function addMember(samples: Map<string, Sample>, member: TarMember, onOther: (member: TarMember) => void): void {
  const slash = member.name.lastIndexOf("/") + 1;
  const isOfSystem = member.name
    .split("/")
    .some((part) => /^\.(?!\.?$)|^__MACOSX$|^(?:Thumbs\.db|desktop\.ini)$/i.test(part));
  // Names such as __info__.json are of the archive, not of a sample.
  const isOfArchive = /^__\w+__\./.test(member.name.slice(slash));
  if (isOfSystem || isOfArchive || slash === member.name.length) return;
  const dot = member.name.indexOf(".", slash);
  const parts = endingOf(member).slice(1).toLowerCase().split(".");
  const ending = parts.at(-1)!;
  const rank = imageEndings.indexOf(ending);
  const side = parts.length === 2 ? ["image_0", "image_1"].indexOf(parts[0]!) : -1;
  const isImage = rank >= 0 && (parts.length === 1 || side >= 0);
  const isText = parts.length === 1 && (captionEndings.includes(ending) || ending === "json");
  if (dot < 0 || member.isLink === true || (!isImage && !isText)) return onOther(member);
  const key = member.name.slice(0, dot);
  let sample = samples.get(key);
  if (sample === undefined) samples.set(key, (sample = { key, images: [], isPair: false, texts: new Map() }));
  if (isImage) {
    const place = side === 1 ? 1 : 0;
    if (side >= 0) sample.isPair = true;
    const known = sample.images[place];
    if (known === undefined || rank <= known.rank) sample.images[place] = { member, rank };
    const unused = known === undefined ? undefined : rank <= known.rank ? known.member : member;
    if (unused !== undefined) onOther(unused);
    return;
  }
  const known = sample.texts.get(ending);
  if (known !== undefined) onOther(known);
  sample.texts.set(ending, member);
}

/** A name from its first dot on, such as `.seg.png`; its last part if it has none. */
function endingOf({ name }: TarMember): string {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const dot = base.indexOf(".");
  return dot < 0 ? base : base.slice(dot, dot + 40);
}

async function readText(file: DataFile, reader: ForwardReader, { name, offset, size }: TarMember): Promise<string> {
  const where = `${file.name}, ${name}`;
  if (size > maxTextBytes) {
    const expected = `a text of at most ${maxTextBytes} bytes`;
    throw new InputError({
      code: "file-too-large",
      where,
      expected,
      found: `${size} bytes`,
      hint: "Leave it out of the archive",
    });
  }
  return sampleText(where, await reader.read(offset, size));
}

async function readMember(file: DataFile, where: string, offset: number, size: number): Promise<Uint8Array> {
  if (size <= maxImageBytes) return file.read(offset, size);
  const expected = `an image of at most ${maxImageBytes} bytes`;
  throw new InputError({
    code: "image-too-large",
    where,
    expected,
    found: `${size} bytes`,
    hint: "Make it smaller or leave it out",
  });
}
