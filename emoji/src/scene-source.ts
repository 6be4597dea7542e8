/**
 * Composed scenes of emoji art with texts about them that are true, or false in a known way. A scene depends on seed, split and number
 * alone: nothing is stored, and the order of calls does not matter.
 */
import { InputError } from "bridgetower";
import type { RawImage } from "bridgetower";
import { Random } from "bridgetower/learner";
import { BackgroundPainter } from "./backgrounds/paint-background.js";
import { Casting } from "./casting.js";
import { chance, drawUntil } from "./draws.js";
import { type Facts, type Kind, kinds } from "./facts.js";
import { memoizeLast, lazy, type Makers, memoize } from "./memoize.js";
import { drawKind, drawLayout, type Layout } from "./layout.js";
import { drawPairLayout } from "./pair-layout.js";
import { augment, type Box, boxOf, NoiseTable, pasteThing } from "./paint.js";
import type { Split } from "./splits.js";
import type { Sprites } from "./sprites/index.js";
import { type CaptionContent, drawCaption, drawKeywords } from "./texts/caption.js";
import { drawHypotheses, type Labelled } from "./texts/hypotheses.js";
import { drawContrast } from "./texts/negative.js";
import { type Answered, drawQuestions } from "./texts/questions.js";
import type { Facet } from "./texts/wording.js";
import { isVisible } from "./visibility.js";
import type { Vocabulary } from "./vocabulary/vocabulary.js";

export interface SceneOptions {
  /** Pixels of the canvas's edge, 16 to 1024. */
  readonly size: number;
  readonly split: Split;
  /** A whole number, 0 to 2^53 - 1. */
  readonly seed: number;
  /** Arrangements to sample, in proportion to their shares. Default: all. Pairs use all. */
  readonly arrangements?: readonly Kind[];
  /** Default "all". "things" needs arrangements without "count". Pairs use "all". */
  readonly captions?: CaptionContent;
}

/** Number of texts of each scene. */
export const textsPerScene = { captions: 3, negatives: 3, questions: 4, hypotheses: 3, statements: 1 } as const;

export interface SceneTexts {
  /** True. The first one of a single thing may be a list of keywords. */
  readonly captions: readonly string[];
  /** False in one fact. The facet is the attribute that was changed. */
  readonly negatives: readonly { readonly text: string; readonly facet: Facet }[];
  readonly questions: readonly Answered[];
  /** 0 contradiction, 1 neutral, 2 entailment. */
  readonly hypotheses: readonly Labelled[];
}

/** Texts about the left scene of a pair, and a statement about both. */
export interface PairTexts extends SceneTexts {
  /** Label 1 if it is true. */
  readonly statements: readonly Labelled[];
}

export interface SceneObject {
  readonly noun: string;
  /** Of the art set and code point. */
  readonly drawing: { readonly set: string; readonly codePoint: string };
  readonly box: Box;
}

/** The content of a scene. */
export interface SceneContents {
  readonly facts: Facts;
  readonly objects: readonly SceneObject[];
}

export interface Scene extends SceneContents, SceneTexts {
  readonly image: RawImage;
}

export interface PairScene extends Pick<PairTexts, "statements"> {
  /** The left and the right scene. */
  readonly contents: readonly [SceneContents, SceneContents];
  readonly images: readonly [RawImage, RawImage];
}

/**
 * @example
 * const vocabulary = readVocabulary();
 * const source = new SceneSource(await loadSprites(".sprites", vocabulary), vocabulary, { size: 96, split: "train", seed: 1 });
 * const { image, captions } = source.scene(0);
 */
export class SceneSource {
  private readonly casting: Casting;
  private readonly painter: BackgroundPainter;
  private readonly random: Random;
  private readonly noise: NoiseTable | undefined;
  private readonly captionContent: CaptionContent;
  // Image and texts of a scene are usually requested one after the other.
  private readonly layout = memoizeLast((index) => this.drawLayout(index));
  private readonly pair = memoizeLast((index) => drawPairLayout(this.pairStream(index).at("layout"), this.casting));

  constructor(
    private readonly sprites: Sprites,
    readonly vocabulary: Vocabulary,
    readonly options: SceneOptions,
  ) {
    const { size, split, seed, arrangements, captions = "all" } = options;
    if (!Number.isInteger(size) || size < 16 || size > 1024) {
      const expected = "a whole number of pixels, 16 to 1024";
      throw new InputError({ code: "invalid-setting", where: "size", expected, found: String(size) });
    }
    if (arrangements?.every((kind) => kind === "single") === true && split === "synonym") {
      const expected = "others than single, as this split shows known words among other things";
      throw new InputError({
        code: "invalid-setting",
        where: "arrangements",
        expected,
        found: JSON.stringify(arrangements),
      });
    }
    if (captions === "things" && (arrangements ?? kinds).includes("count")) {
      const expected = 'arrangements without count, whose captions tell numbers, or captions "all"';
      throw new InputError({ code: "invalid-setting", where: "captions", expected, found: JSON.stringify(captions) });
    }
    const training = split === "train";
    this.captionContent = captions;
    this.random = new Random(seed);
    this.casting = new Casting(sprites, vocabulary, split);
    this.painter = new BackgroundPainter(size, training ? "train" : "test");
    this.noise = training ? new NoiseTable(new Random(0, "noise")) : undefined;
  }

  /** Scene number `index` with all its texts. */
  scene(index: number): Scene {
    return { ...this.contents(index), image: this.image(index), ...this.texts(index) };
  }

  /** Only its content. */
  contents(index: number): SceneContents {
    return this.contentsOf(this.layout(index));
  }

  /** Only its image. RGB [size, size, 3] */
  image(index: number): RawImage {
    return this.paint(this.layout(index), this.stream(index).at("paint"));
  }

  /** Only its first caption. */
  caption(index: number): string {
    return this.firstCaption(this.layout(index), this.stream(index), this.captionContent);
  }

  /** Its texts alone; each kind is drawn when it is first read. */
  texts(index: number): SceneTexts {
    return lazy(this.textMakers(() => this.layout(index), this.stream(index), this.captionContent));
  }

  /** Two scenes and a statement about both. */
  pairScene(index: number): PairScene {
    return {
      contents: this.pairContents(index),
      images: [this.pairImage(index, 0), this.pairImage(index, 1)],
      statements: [this.statement(index)],
    };
  }

  /** The content of both scenes of a pair. */
  pairContents(index: number): readonly [SceneContents, SceneContents] {
    const [left, right] = this.pair(index).layouts;
    return [this.contentsOf(left), this.contentsOf(right)];
  }

  /** Its texts alone; each kind is drawn when it is first read. */
  pairTexts(index: number): PairTexts {
    return lazy<PairTexts>({
      ...this.textMakers(() => this.pair(index).layouts[0], this.pairStream(index), "all"),
      statements: () => [this.statement(index)],
    });
  }

  /** Only the statement of a pair. */
  statement(index: number): Labelled {
    const { text, truth } = this.pair(index).statement;
    return { text, label: truth ? 1 : 0 };
  }

  /** Only one image of a pair. */
  pairImage(index: number, side: 0 | 1): RawImage {
    return this.paint(this.pair(index).layouts[side], this.pairStream(index).at("paint", side));
  }

  private stream(index: number): Random {
    return this.random.at(this.options.split, index);
  }

  private pairStream(index: number): Random {
    return this.random.at(this.options.split, "pair", index);
  }

  private drawLayout(index: number): Layout {
    const random = this.stream(index).at("layout");
    const { arrangements: wanted = kinds } = this.options;
    return drawUntil("visible scene", () => {
      const kind = drawUntil("kind of scene", () => {
        const drawn = drawKind(random, this.casting);
        return wanted.includes(drawn) ? drawn : undefined;
      });
      const layout = drawLayout(random, this.casting, { kind });
      return this.options.split === "train" || isVisible(layout, this.sprites) ? layout : undefined;
    });
  }

  /** Each kind has a separate stream, below that of the scene's number. */
  private textMakers(drawLayout: () => Layout, stream: Random, content: CaptionContent): Makers<SceneTexts> {
    const { casting, vocabulary } = this;
    const layout = memoize(drawLayout);
    return {
      captions: () => {
        const random = stream.at("captions");
        const more = times(textsPerScene.captions - 1, () => drawCaption(random, layout().facts, vocabulary, content));
        return [this.firstCaption(layout(), stream, content), ...more];
      },
      negatives: () => {
        const random = stream.at("negatives");
        return times(textsPerScene.negatives, () => {
          const { text, facet } = drawContrast(random, layout().facts, casting);
          return { text, facet };
        });
      },
      questions: () => drawQuestions(stream.at("questions"), layout().facts, casting, textsPerScene.questions),
      hypotheses: () => drawHypotheses(stream.at("hypotheses"), layout().facts, casting),
    };
  }

  private firstCaption({ facts, placed }: Layout, stream: Random, content: CaptionContent): string {
    const random = stream.at("caption");
    const { split } = this.options;
    const listed = facts.kind === "single" && (split === "train" || split === "val") && chance(random, 0.18);
    const keywords = listed ? drawKeywords(random, placed[0]!.sprite.codePoint, this.vocabulary) : undefined;
    return keywords ?? drawCaption(random, facts, this.vocabulary, content);
  }

  private paint({ facts, placed }: Layout, random: Random): RawImage {
    const { size } = this.options;
    const data = new Uint8Array(size * size * 3);
    this.painter.paint(facts.background, random.at("background"), data);
    for (const thing of placed) pasteThing(thing, this.sprites.levels, size, data);
    if (this.noise !== undefined) augment(random.at("augment"), this.noise, size, data);
    return { width: size, height: size, data };
  }

  private contentsOf({ facts, placed }: Layout): SceneContents {
    const objects = placed.map((thing) => ({
      noun: this.vocabulary.nouns[thing.sprite.noun]!.noun,
      drawing: { set: thing.sprite.set, codePoint: thing.sprite.codePoint },
      box: boxOf(thing, this.options.size),
    }));
    return { facts, objects };
  }
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
