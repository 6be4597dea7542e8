/** Activation functions under the names that configs give them (transformers 5.23 `ACT2FN`, those without parameters). */
import {
  add,
  div,
  erf,
  exp,
  gelu,
  less,
  log,
  maximum,
  mul,
  relu,
  sigmoid,
  sqrt,
  sub,
  tanh,
  where,
  withGradient,
  type Tensor,
} from "../graph/index.js";

const minimum = (x: Tensor, limit: number) => mul(maximum(mul(x, -1), -limit), -1);
const clip = (x: Tensor, low: number, high: number) => minimum(maximum(x, low), high);
/** ln(1 + eˣ), written so that neither end overflows. */
const softplus = (x: Tensor) => add(relu(x), log(add(exp(mul(maximum(x, mul(x, -1)), -1)), 1)));
/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) */
const tanhGelu = (x: Tensor) => {
  const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(tanh(inner), 1));
};
const silu = (x: Tensor) => mul(x, sigmoid(x));

/** x · sigmoid(1.702 x), the activation of CLIP's towers. */
export function quickGelu(x: Tensor): Tensor {
  const s = sigmoid(mul(x, 1.702));
  return withGradient("quickGelu", {
    output: mul(x, s),
    inputs: [x, s],
    // dx = (s + 1.702 (y − y s)) dy: five passes instead of the eight of the three ops' own rules.
    gradient: ({ inputs: [, s], output: y, dOutput: dy }) => [mul(add(s!, mul(sub(y, mul(y, s!)), 1.702)), dy)],
  });
}

export const activations = {
  gelu,
  gelu_python: gelu,
  gelu_10: (x) => clip(gelu(x), -10, 10),
  gelu_new: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_accurate: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  gelu_python_tanh: tanhGelu,
  hardswish: (x) => mul(x, div(clip(add(x, 3), 0, 6), 6)),
  laplace: (x) => mul(add(erf(div(sub(x, 0.707107), 0.282095 * Math.SQRT2)), 1), 0.5),
  leaky_relu: (x) => where(less(x, 0), mul(x, 0.01), x),
  linear: (x) => x,
  mish: (x) => mul(x, tanh(softplus(x))),
  quick_gelu: quickGelu,
  relu,
  relu2: (x) => mul(relu(x), relu(x)),
  relu6: (x) => clip(x, 0, 6),
  sigmoid,
  silu,
  sqrtsoftplus: (x) => sqrt(softplus(x)),
  swish: silu,
  tanh,
} satisfies Record<string, (x: Tensor) => Tensor>;

export type ActivationName = keyof typeof activations;
