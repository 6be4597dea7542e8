/**
 * The loops over the arrays of one parameter. Plain JavaScript, because workers run them from the sources and from the built package. All
 * values are computed in float64 and rounded once, when they are stored.
 */

/** @import { AdamWArrays, AdamWParams, MomentumArrays, MomentumParams, MuonParams } from "./optimizer-messages.js" */

/** @param {Float32Array} values @param {number} i an index within the array */
const at = (values, i) => /** @type {number} */ (values[i]);

/**
 * m = β1·m + (1 - β1)·g, v = β2·v + (1 - β2)·g², with c1 = 1 - β1^t and c2 = 1 - β2^t; then
 * decoupled (torch.optim.AdamW): p = (1 - lr·wd)·p - lr/c1 · m / (√v/√c2 + eps);
 * original (AdamW of transformers 4.17): p = (1 - lr·wd)·(p - lr·√c2/c1 · m / (√v + eps)).
 * Changes `values`, `m` and `v` in place; all arrays have one length.
 *
 * @param {AdamWArrays} arrays
 * @param {AdamWParams} params
 */
export function adamw({ values, gradients, m, v }, params) {
  const { adamw: form, betas, eps, t, learningRate, weightDecay, gradientScale } = params;
  const [beta1, beta2] = betas;
  const correction1 = 1 - beta1 ** t;
  const correction2 = Math.sqrt(1 - beta2 ** t);
  const kept = 1 - learningRate * weightDecay;
  const decoupled = form === "decoupled";
  const keptBefore = decoupled ? kept : 1;
  const keptAfter = decoupled ? 1 : kept;
  const stepSize = decoupled ? learningRate / correction1 : (learningRate * correction2) / correction1;
  const rootScale = decoupled ? 1 / correction2 : 1;
  const new1 = 1 - beta1;
  const new2 = 1 - beta2;
  for (let i = 0; i < values.length; i++) {
    const g = at(gradients, i) * gradientScale;
    const mean = beta1 * at(m, i) + new1 * g;
    const square = beta2 * at(v, i) + new2 * g * g;
    m[i] = mean;
    v[i] = square;
    values[i] = (at(values, i) * keptBefore - (stepSize * mean) / (Math.sqrt(square) * rootScale + eps)) * keptAfter;
  }
}

/**
 * m = β1·m + (1 - β1)·g, and into v the momentum after Nesterov that Muon makes orthogonal: β1·m + (1 - β1)·g. All arrays have one length.
 *
 * @param {MomentumArrays} arrays
 * @param {MomentumParams} params
 */
export function momentum({ gradients, m, v }, { beta, gradientScale }) {
  const fresh = 1 - beta;
  for (let i = 0; i < m.length; i++) {
    const g = fresh * at(gradients, i) * gradientScale;
    const mean = beta * at(m, i) + g;
    m[i] = mean;
    v[i] = beta * mean + g;
  }
}

/**
 * p = (1 - lr·wd)·p - lr·scale·direction: a step of Muon, in place.
 *
 * @param {Float32Array} values
 * @param {Float32Array} direction
 * @param {MuonParams} params
 */
export function muon(values, direction, { learningRate, weightDecay, scale }) {
  const kept = 1 - learningRate * weightDecay;
  const rate = learningRate * scale;
  for (let i = 0; i < values.length; i++) values[i] = at(values, i) * kept - rate * at(direction, i);
}

/**
 * average = decay·average + (1 - decay)·values, in place.
 *
 * @param {Float32Array} average
 * @param {Float32Array} values
 * @param {number} decay
 */
export function moveAverage(average, values, decay) {
  const fresh = 1 - decay;
  for (let i = 0; i < average.length; i++) average[i] = decay * at(average, i) + fresh * at(values, i);
}

/**
 * Σ x², added in an order that depends on the length only; not finite exactly if one of the values is not. Four sums side by
 * side, as each addition waits for the one before.
 *
 * @param {Float32Array} values
 * @returns {number}
 */
export function sumOfSquares(values) {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += at(values, i) ** 2;
    b += at(values, i + 1) ** 2;
    c += at(values, i + 2) ** 2;
    d += at(values, i + 3) ** 2;
  }
  for (let i = whole; i < values.length; i++) a += at(values, i) ** 2;
  return a + b + (c + d);
}
