/**
 * AdamW over named parameters, or Muon for the matrices among them and AdamW for the rest, on threads. It owns the moving averages; values
 * and gradients belong to the caller and are lent to the threads without a copy while a step runs.
 */
import { availableParallelism } from "node:os";
import type { Parameter } from "../../graph/index.js";
import { clipFactor, gradientNorm } from "./gradient-norm.js";
import type { AdamWStep, Call, Lendable, LoanOf, ParameterUpdate, Reply, UpdateLoan } from "./optimizer-messages.js";
import { OptimizerThread } from "./optimizer-thread.js";
import { muonMatrix, muonScale, Orthogonalizer, type Stacked } from "./muon.js";
import { parameterGroup, type ParameterGroup } from "./parameter-groups.js";
import { learningRateFactor } from "./schedule.js";
import type { OptimizerSettings } from "./optimizer-settings.js";
import { shareOut } from "./partition.js";

/** What the optimizer remembers of a parameter. */
export interface ParameterState {
  /** Moving average of the gradient. */
  readonly m: Float32Array;
  /** Moving average of the squared gradient; of a matrix that Muon moves the direction of its last step. */
  readonly v: Float32Array;
  /** Moving average of the values, with `ema_decay`; absent before the first step. */
  readonly average?: Float32Array;
}

export interface StepReport {
  /** Length of all gradients together, scaled and before clipping. */
  readonly gradientNorm: number;
  /** Rate of the base group in this step. */
  readonly learningRate: number;
}

interface Member extends ParameterGroup {
  readonly name: string;
  readonly size: number;
  /** How Muon sees it; absent where AdamW moves it. */
  readonly matrix: Stacked | undefined;
}

interface OwnArrays {
  readonly m: Lendable;
  readonly v: Lendable;
  readonly average?: Lendable;
}

type Arrays = Map<string, Float32Array>;

/** Beyond this, memory and not arithmetic sets the pace. */
const maxThreads = 8;

export class Optimizer {
  private readonly members: readonly Member[];
  private readonly own: Map<string, OwnArrays>;
  private readonly threads: readonly OptimizerThread[];
  /** The members of each thread. */
  private readonly shares: readonly (readonly Member[])[];
  private readonly orthogonalizer: Orthogonalizer | undefined;
  private underWay: Promise<StepReport> | undefined;
  /** Why no further step is taken. */
  private broken: Error | undefined;

  /**
   * @param parameters those to train, of the shapes they have; a frozen one is left out
   * @param threads    how many work side by side; results do not depend on it. A parameter is never divided
   */
  constructor(
    parameters: readonly Pick<Parameter, "name" | "shape">[],
    private readonly settings: OptimizerSettings,
    threads = Math.min(availableParallelism(), maxThreads),
  ) {
    this.members = parameters.map(({ name, shape }) => ({
      name,
      size: shape.reduce<number>((size, dimension) => size * Number(dimension), 1),
      ...parameterGroup(name, settings),
      matrix: settings.muon ? muonMatrix(name, shape) : undefined,
    }));
    const matrices = this.members.flatMap(({ matrix }) => (matrix === undefined ? [] : [matrix]));
    this.orthogonalizer = matrices.length > 0 ? new Orthogonalizer(matrices, threads) : undefined;
    this.own = new Map(
      this.members.map(({ name, size }) => [name, { m: new Float32Array(size), v: new Float32Array(size) }]),
    );
    this.shares = shareOut(this.members, threads);
    this.threads = this.shares.map(() => new OptimizerThread());
  }

  /**
   * One step: scales the gradients, shortens them to `max_grad_norm`, and moves the values.
   *
   * The arrays of all its parameters are taken out of the maps' hands: while the promise is pending they are detached
   * (length 0), afterwards the maps hold new Float32Arrays on the same memory. Each must fill its own ArrayBuffer.
   * Gradients come back unchanged. If a thread dies, what was lent to it is removed from the maps.
   * @param t              optimizer steps done before, over the whole run: 0 at first
   * @param gradientScale  multiplies all gradients: 1 / micro-batches where they are sums
   * @throws InputError    naming the first parameter whose gradient is not finite; nothing has changed then
   */
  async step(t: number, values: Arrays, gradients: Arrays, { gradientScale = 1 } = {}): Promise<StepReport> {
    this.requireIdle();
    if (!Number.isSafeInteger(t) || t < 0) throw new RangeError(`step(${t}): steps are counted from 0`);
    if (!Number.isFinite(gradientScale)) throw new RangeError(`step: gradientScale ${gradientScale} is not finite`);
    this.checkLendable(values, gradients);
    this.underWay = this.run(t, values, gradients, gradientScale);
    try {
      return await this.underWay;
    } finally {
      this.underWay = undefined;
    }
  }

  /** What a checkpoint needs, by parameter: the optimizer's own arrays, to be read before the next step and not changed. */
  state(): Map<string, ParameterState> {
    this.requireIdle();
    return new Map(this.own);
  }

  /**
   * Goes on from a saved state, whose arrays it takes over. Averages of values are dropped where `ema_decay` is not set, and start from
   * the values at the next step where the state has none.
   * @throws RangeError if names or sizes are not those of the parameters
   */
  restore(state: ReadonlyMap<string, ParameterState>): void {
    this.requireIdle();
    const surplus = [...state.keys()].find((name) => !this.own.has(name));
    if (surplus !== undefined) throw new RangeError(`restore: ${surplus} is none of the parameters that are trained`);
    const restored = this.members.map(({ name, size }): [string, OwnArrays] => {
      const saved = state.get(name);
      if (saved === undefined) throw new RangeError(`restore: the state lacks ${name}`);
      const { m, v, average } = saved;
      const odd = [m, v, average].find((array) => array !== undefined && array.length !== size);
      if (odd !== undefined) throw new RangeError(`restore: ${name} has ${size} values, its state ${odd.length}`);
      const kept = average === undefined || this.settings.ema_decay === undefined ? {} : { average: owned(average) };
      return [name, { m: owned(m), v: owned(v), ...kept }];
    });
    for (const [name, arrays] of restored) this.own.set(name, arrays);
  }

  /** Ends the threads, after a step under way. */
  async dispose(): Promise<void> {
    this.broken ??= new Error("the optimizer was disposed of");
    await this.underWay?.catch(() => undefined);
    await Promise.all([...this.threads.map((thread) => thread.end()), this.orthogonalizer?.dispose()]);
  }

  private async run(t: number, values: Arrays, gradients: Arrays, gradientScale: number): Promise<StepReport> {
    const { settings } = this;
    const sums = await this.sumsOfSquares(gradients);
    const names = this.members.map(({ name }) => name);
    const norm = gradientNorm(sums, names, t) * Math.abs(gradientScale);
    const factor = learningRateFactor(t, settings);
    const learningRate = settings.learning_rate * factor;
    const step = {
      form: settings.form,
      betas: settings.betas,
      eps: settings.eps,
      t: t + 1,
      gradientScale: gradientScale * clipFactor(norm, settings.max_grad_norm),
    };
    if (this.orthogonalizer !== undefined) await this.findDirections(this.orthogonalizer, gradients, step);
    await this.update(values, gradients, ({ learningRateFactor, weightDecay, matrix }) => {
      const own = { learningRate: learningRate * learningRateFactor, weightDecay };
      return {
        step: matrix === undefined ? { ...step, ...own } : { form: "muon", ...own, scale: muonScale(matrix) },
        averageDecay: settings.ema_decay,
      };
    });
    return { gradientNorm: norm, learningRate };
  }

  private async sumsOfSquares(gradients: Arrays): Promise<number[]> {
    const sums = new Map<string, number>();
    await this.onThreads(
      (share) => ({
        call: "sumsOfSquares",
        loans: share.map(({ name }) => ({ gradients: lendable(gradients, name) })),
      }),
      (name, loan, i, reply) => {
        gradients.set(name, loan.gradients);
        sums.set(name, reply.sums[i] ?? NaN);
      },
      (name) => gradients.delete(name),
    );
    return this.members.map(({ name }) => sums.get(name)!);
  }

  /** Momentum of the matrices, and into `v` the direction that each is moved in. */
  private async findDirections(
    orthogonalizer: Orthogonalizer,
    gradients: Arrays,
    { betas: [beta], gradientScale }: Pick<AdamWStep, "betas" | "gradientScale">,
  ): Promise<void> {
    const momenta = new Map<string, Lendable>();
    await this.onThreads(
      (share) => ({
        call: "momentum",
        loans: share.map(({ name }) => {
          const { m, v } = this.own.get(name)!;
          return { gradients: lendable(gradients, name), m, v };
        }),
        step: { beta, gradientScale },
      }),
      (name, { gradients: gradient, m, v }) => {
        gradients.set(name, gradient);
        this.own.set(name, { ...this.own.get(name)!, m, v });
        momenta.set(name, v);
      },
      (name) => gradients.delete(name),
      ({ matrix }) => matrix !== undefined,
    );
    try {
      await orthogonalizer.makeOrthogonal(momenta);
    } catch (cause) {
      // Momentum has moved on, values have not.
      this.broken ??= new Error(`the optimizer failed at the directions of Muon: ${String(cause)}`, { cause });
      throw this.broken;
    } finally {
      for (const [name, v] of momenta) this.own.set(name, { ...this.own.get(name)!, v });
    }
  }

  private async update(
    values: Arrays,
    gradients: Arrays,
    updateOf: (member: Member) => ParameterUpdate,
  ): Promise<void> {
    const loanOf = ({ name }: Member): UpdateLoan => {
      const own = this.own.get(name)!;
      const lent = { values: lendable(values, name), gradients: lendable(gradients, name), ...own };
      if (this.settings.ema_decay === undefined || lent.average !== undefined) return lent;
      return { ...lent, average: lent.values.slice() };
    };
    await this.onThreads(
      (share) => ({ call: "update", loans: share.map(loanOf), updates: share.map(updateOf) }),
      (name, { values: moved, gradients: gradient, ...own }) => {
        values.set(name, moved);
        gradients.set(name, gradient);
        this.own.set(name, own);
      },
      (name) => {
        values.delete(name);
        gradients.delete(name);
      },
    );
  }

  /** Calls all threads, takes back what was lent to them, and only then fails if one of them did. */
  private async onThreads<C extends Call>(
    callOf: (share: readonly Member[]) => C,
    takeBack: (name: string, loan: LoanOf<C>, i: number, reply: Reply<LoanOf<C>>) => void,
    lose: (name: string) => void,
    concerns: (member: Member) => boolean = () => true,
  ): Promise<void> {
    const shares = this.shares.map((share) => share.filter(concerns));
    const calls = shares.map(callOf);
    const replies = await Promise.allSettled(this.threads.map((thread, i) => thread.call(calls[i]!)));
    const failures = replies.flatMap((settled, i): Error[] => {
      const share = shares[i]!;
      if (settled.status === "rejected") {
        for (const { name } of share) lose(name);
        const cause = settled.reason instanceof Error ? settled.reason : new Error(String(settled.reason));
        return [
          new Error(
            `a thread of the optimizer died: ${cause.message}. Lost with it: ${share[0]?.name}, of ${share.length} in all. ` +
              "Go on from the last checkpoint",
            { cause },
          ),
        ];
      }
      const { loans, error } = settled.value;
      loans.forEach((loan, k) => takeBack(share[k]!.name, loan, k, settled.value));
      return error === undefined ? [] : [new Error(`the optimizer failed, values may be half updated: ${error}`)];
    });
    this.broken ??= failures[0];
    if (failures[0] !== undefined) throw failures[0];
  }

  private requireIdle(): void {
    if (this.broken !== undefined) throw this.broken;
    if (this.underWay !== undefined) throw new Error("a step of the optimizer is under way: wait for it first");
  }

  /** Every array is looked at before the first is lent: a refused step has changed nothing. */
  private checkLendable(values: Arrays, gradients: Arrays): void {
    const buffers = new Set<ArrayBufferLike>();
    for (const { name, size } of this.members) {
      for (const [kind, arrays] of [["value", values] as const, ["gradient", gradients] as const]) {
        const { length, buffer } = lendable(arrays, name, kind);
        if (length !== size) throw new RangeError(`${kind} of ${name}: ${size} numbers are needed, got ${length}`);
        if (buffers.has(buffer)) throw new RangeError(`${kind} of ${name}: shares its ArrayBuffer with another array`);
        buffers.add(buffer);
      }
    }
  }
}

/** The named array, if it can be moved to another thread: it fills an ArrayBuffer of its own. */
function lendable(arrays: Arrays, name: string, kind = "array"): Lendable {
  const array = arrays.get(name);
  if (array === undefined) throw new RangeError(`${kind} of ${name}: is missing`);
  if (!isLendable(array))
    throw new RangeError(`${kind} of ${name}: is a view that does not fill an ArrayBuffer of its own`);
  return array;
}

const isLendable = (array: Float32Array): array is Lendable =>
  array.buffer instanceof ArrayBuffer && array.byteLength === array.buffer.byteLength;

/** The array itself, or a copy of a view. */
const owned = (array: Float32Array): Lendable => (isLendable(array) ? array : Float32Array.from(array));
