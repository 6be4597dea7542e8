/**
 * AdamW over named parameters, or Muon for the matrices among them and AdamW for the rest, on threads. The optimizer owns the moving
 * averages. Values and gradients belong to the caller and are transferred to the threads without a copy while a step runs.
 */
import { availableParallelism } from "node:os";
import { InputError } from "../../errors.js";
import type { Parameter } from "../../graph/index.js";
import { clipFactor, gradientNorm } from "./gradient-sums.js";
import { muonMatrix, muonScale, Orthogonalizer, type Stacked } from "./muon.js";
import type { AdamWParams, ParameterUpdate, TransferableArray, TransferredParameter } from "./optimizer-messages.js";
import type { OptimizerSettings } from "./optimizer-settings.js";
import { OptimizerThreads, transferable, transferableCopy } from "./optimizer-threads.js";
import { parameterGroup, type ParameterGroup } from "./parameter-groups.js";
import { learningRateFactor } from "./schedule.js";

/** The optimizer's state of one parameter. */
export interface ParameterState {
  /** Moving average of the gradient. */
  readonly m: Float32Array;
  /** Moving average of the squared gradient; for a matrix that Muon updates, the direction of its last step. */
  readonly v: Float32Array;
  /** Moving average of the values, with `ema_decay`; absent before the first step. */
  readonly average?: Float32Array;
}

export interface OptimizerReport {
  /** L2 norm of all gradients together, scaled and before clipping. */
  readonly gradientNorm: number;
  /** Rate of the base group in this step. */
  readonly learningRate: number;
}

interface TrainedParameter extends ParameterGroup {
  readonly name: string;
  readonly size: number;
  /** The matrix that Muon updates; absent if AdamW updates the parameter. */
  readonly matrix: Stacked | undefined;
}

type StateArrays = Pick<TransferredParameter, "m" | "v" | "average">;
type Arrays = Map<string, Float32Array>;

/** Beyond this, memory and not arithmetic sets the pace. */
const maxThreads = 8;

export class Optimizer {
  private readonly parameters: readonly TrainedParameter[];
  private readonly states: Map<string, StateArrays>;
  private readonly threads: OptimizerThreads<TrainedParameter>;
  private readonly orthogonalizer: Orthogonalizer | undefined;
  private underWay: Promise<OptimizerReport> | undefined;
  /** Why no further step is taken. */
  private broken: Error | undefined;

  /**
   * @param parameters those to train, with their shapes; frozen ones are left out
   * @param threads    how many work side by side; results do not depend on it. A parameter is never divided
   * @throws InputError or RangeError before any thread has started
   */
  constructor(
    parameters: readonly Pick<Parameter, "name" | "shape">[],
    private readonly settings: OptimizerSettings,
    threads = Math.min(availableParallelism(), maxThreads),
  ) {
    this.parameters = parameters.map(({ name, shape }) => ({
      name,
      size: shape.reduce<number>((size, dimension) => size * Number(dimension), 1),
      ...parameterGroup(name, settings),
      matrix: settings.muon ? muonMatrix(name, shape) : undefined,
    }));
    this.states = new Map(
      this.parameters.map(({ name, size }) => [name, { m: new Float32Array(size), v: new Float32Array(size) }]),
    );
    this.threads = new OptimizerThreads(this.parameters, threads);
    const matrices = this.parameters.flatMap(({ matrix }) => matrix ?? []);
    this.orthogonalizer = matrices.length > 0 ? new Orthogonalizer(matrices, threads) : undefined;
  }

  /**
   * One step: scales the gradients, clips them to `max_grad_norm`, and updates the values.
   *
   * The arrays of all its parameters are transferred: while the promise is pending the maps have detached arrays (length 0),
   * afterwards new Float32Arrays on the same memory. Each must fill its own ArrayBuffer. Gradients are unchanged afterwards. If
   * a thread dies, the arrays that were transferred to it are removed from the maps.
   * @param t              optimizer steps done before, over the whole run: 0 at first
   * @param gradientScale  multiplies all gradients: 1 / micro-batches if they are sums
   * @throws InputError    naming the first parameter whose gradient is not finite; nothing has changed then
   */
  async step(t: number, values: Arrays, gradients: Arrays, { gradientScale = 1 } = {}): Promise<OptimizerReport> {
    this.requireIdle();
    if (!Number.isSafeInteger(t) || t < 0) throw new RangeError(`step(${t}): steps are counted from 0`);
    if (!Number.isFinite(gradientScale)) throw new RangeError(`step: gradientScale ${gradientScale} is not finite`);
    this.checkArrays(values, gradients);
    this.underWay = this.run(t, values, gradients, gradientScale);
    try {
      return await this.underWay;
    } finally {
      this.underWay = undefined;
    }
  }

  /** The state that a checkpoint needs, by parameter: live arrays, to be read before the next step and not changed. */
  state(): Map<string, ParameterState> {
    this.requireIdle();
    return new Map(this.states);
  }

  /**
   * Resumes from a saved state, whose arrays it takes over. Averages of values are dropped if `ema_decay` is not set, and start from the
   * values at the next step if the state has none.
   * @throws InputError `parameter-mismatch` if names or sizes are not those of the parameters
   */
  restore(state: ReadonlyMap<string, ParameterState>): void {
    this.requireIdle();
    const surplus = [...state.keys()].find((name) => !this.states.has(name));
    if (surplus !== undefined) throw stateError(surplus, "only parameters that are trained", "another one");
    const restored = this.parameters.map(({ name, size }): [string, StateArrays] => {
      const saved = state.get(name);
      if (saved === undefined) throw stateError(name, "the state of every trained parameter", "none");
      const { m, v, average } = saved;
      for (const array of average === undefined ? [m, v] : [m, v, average]) {
        const length = array instanceof Float32Array ? array.length : undefined;
        if (length === size) continue;
        throw stateError(name, `m and v as Float32Arrays of ${size} values`, `${length ?? "another value"}`);
      }
      const keepsAverage = average !== undefined && this.settings.ema_decay !== undefined;
      const arrays = { m: transferableCopy(m), v: transferableCopy(v) };
      return [name, keepsAverage ? { ...arrays, average: transferableCopy(average) } : arrays];
    });
    for (const [name, arrays] of restored) this.states.set(name, arrays);
  }

  /** Ends the threads after the current step. */
  async dispose(): Promise<void> {
    this.broken ??= new Error("the optimizer was disposed of");
    await this.underWay?.catch(() => undefined);
    await Promise.all([this.threads.end(), this.orthogonalizer?.dispose()]);
  }

  private async run(t: number, values: Arrays, gradients: Arrays, gradientScale: number): Promise<OptimizerReport> {
    const { settings } = this;
    const sums = await this.sumsOfSquares(gradients);
    const names = this.parameters.map(({ name }) => name);
    const norm = gradientNorm(sums, names, t) * Math.abs(gradientScale);
    const scale = gradientScale * clipFactor(norm, settings.max_grad_norm);
    const learningRate = settings.learning_rate * learningRateFactor(t, settings);
    if (this.orthogonalizer !== undefined) await this.findDirections(this.orthogonalizer, gradients, scale);
    await this.update(values, gradients, ({ learningRateFactor, weightDecay, matrix }) => {
      const group = { learningRate: learningRate * learningRateFactor, weightDecay };
      const { adamw, betas, eps } = settings;
      const params: AdamWParams = { adamw, betas, eps, t: t + 1, gradientScale: scale, ...group };
      return {
        optimizer: matrix === undefined ? { adamw: params } : { muon: { ...group, scale: muonScale(matrix) } },
        averageDecay: settings.ema_decay,
      };
    });
    return { gradientNorm: norm, learningRate };
  }

  private async sumsOfSquares(gradients: Arrays): Promise<number[]> {
    const sums = new Map<string, number>();
    await this.threads.call(
      (part) => ({
        call: "sumsOfSquares",
        arrays: part.map(({ name }) => ({ gradients: transferable(gradients, name) })),
      }),
      (name, arrays, sum = NaN) => {
        gradients.set(name, arrays.gradients);
        sums.set(name, sum);
      },
      (name) => gradients.delete(name),
    );
    return this.parameters.map(({ name }) => sums.get(name)!);
  }

  /** Updates the momentum of the matrices, and puts into `v` the direction in which each is moved. */
  private async findDirections(orthogonalizer: Orthogonalizer, gradients: Arrays, gradientScale: number) {
    const [beta] = this.settings.betas;
    const momenta = new Map<string, TransferableArray>();
    await this.threads.call(
      (part) => ({
        call: "momentum",
        arrays: part.map(({ name }) => {
          const { m, v } = this.states.get(name)!;
          return { gradients: transferable(gradients, name), m, v };
        }),
        params: { beta, gradientScale },
      }),
      (name, { gradients: gradient, m, v }) => {
        gradients.set(name, gradient);
        this.states.set(name, { ...this.states.get(name)!, m, v });
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
      for (const [name, v] of momenta) this.states.set(name, { ...this.states.get(name)!, v });
    }
  }

  private async update(
    values: Arrays,
    gradients: Arrays,
    updateOf: (parameter: TrainedParameter) => ParameterUpdate,
  ): Promise<void> {
    const arraysOf = ({ name }: TrainedParameter): TransferredParameter => {
      const current = transferable(values, name);
      const state = this.states.get(name)!;
      const average = this.settings.ema_decay === undefined ? undefined : (state.average ?? current.slice());
      const arrays = { values: current, gradients: transferable(gradients, name), m: state.m, v: state.v };
      return average === undefined ? arrays : { ...arrays, average };
    };
    await this.threads.call(
      (part) => ({ call: "update", arrays: part.map(arraysOf), updates: part.map(updateOf) }),
      (name, { values: updated, gradients: gradient, ...state }) => {
        values.set(name, updated);
        gradients.set(name, gradient);
        this.states.set(name, state);
      },
      (name) => {
        values.delete(name);
        gradients.delete(name);
      },
    );
  }

  private requireIdle(): void {
    const broken = this.broken ?? this.threads.failure;
    if (broken !== undefined) throw broken;
    if (this.underWay !== undefined) throw new Error("a step of the optimizer is in progress: wait for it first");
  }

  /** Checks every array before the first is transferred, so that a refused step changes nothing. */
  private checkArrays(values: Arrays, gradients: Arrays): void {
    const buffers = new Set<ArrayBufferLike>();
    for (const { name, size } of this.parameters) {
      for (const [kind, arrays] of [["value", values] as const, ["gradient", gradients] as const]) {
        const { length, buffer } = transferable(arrays, name, kind);
        if (length !== size) throw new RangeError(`${kind} of ${name}: ${size} numbers are needed, got ${length}`);
        if (buffers.has(buffer)) throw new RangeError(`${kind} of ${name}: shares its ArrayBuffer with another array`);
        buffers.add(buffer);
      }
    }
  }
}

const stateError = (name: string, expected: string, found: string): InputError =>
  new InputError({ code: "parameter-mismatch", where: `optimizer state of ${name}`, expected, found });
