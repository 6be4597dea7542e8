/**
 * Gives layers their parameters, and during training their random bytes. Parameters have their checkpoint names: a scope adds a prefix, so
 * the path in the code is the name in the file.
 */
import type { Dim, Input, Parameter } from "../graph/index.js";
import { InputError } from "../errors.js";

export class Scope {
  private constructor(
    private readonly prefix: string,
    private readonly known: Map<string, Parameter>,
    private readonly noise: Input[] | undefined,
  ) {}

  /** The scope of a whole model, whose names have no prefix. */
  static root(): Scope {
    return new Scope("", new Map(), undefined);
  }

  /** The scope of a whole model that is trained: its layers may ask for random bytes. */
  static training(): Scope {
    return new Scope("", new Map(), []);
  }

  /** The scope below `path`: `root.at("text_model").at("encoder.layer.0")`. */
  at(path: string | number): Scope {
    return new Scope(`${this.prefix}${path}.`, this.known, this.noise);
  }

  /** The float32 parameter `name` of this scope; the same tensor each time. */
  parameter(name: string, shape: readonly number[]): Parameter {
    const fullName = this.prefix + name;
    const existing = this.known.get(fullName);
    if (existing === undefined) {
      const made: Parameter = { kind: "parameter", name: fullName, dtype: "float32", shape };
      this.known.set(fullName, made);
      return made;
    }
    if (existing.shape.join() !== shape.join()) {
      throw new InputError({
        code: "shape-mismatch",
        where: fullName,
        expected: `one shape, [${existing.shape.join(", ")}] as at its first use`,
        found: `[${shape.join(", ")}]`,
      });
    }
    return existing;
  }

  /** A new input of uniformly random bytes, uint8 of `shape`; `undefined` if the model is not in training. */
  randomBytes(shape: readonly Dim[]): Input | undefined {
    if (this.noise === undefined) return undefined;
    const bytes: Input = { kind: "input", name: `random_bytes_${this.noise.length}`, dtype: "uint8", shape };
    this.noise.push(bytes);
    return bytes;
  }

  /** The inputs of random bytes requested so far. */
  randomInputs(): readonly Input[] {
    return this.noise ?? [];
  }

  /** All parameters requested so far in this scope's model, in the order of their first use. */
  parameters(): Parameter[] {
    return [...this.known.values()];
  }
}

/** The value, computed on first use: a checkpoint may lack the parameters of unused values. */
export function lazy<T>(compute: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= compute());
}
