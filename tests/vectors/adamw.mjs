// AdamW from docs/vectors.md, checked against exported vectors. Node, no dependencies.
//
//   node adamw.mjs VECTORS.json [--outputs FILE] [--bug after|eps-hat]
//
// Exit status: 0 every test passes, 1 some do not, 2 the file cannot be used.

import { readFileSync, writeFileSync } from "node:fs";

const ROUND = { float64: (x) => x, float32: Math.fround };

// How much of theta decays in one step, by convention: eta lambda, or eta alpha lambda.
const DECAY = {
  paper: (eta, alpha, lambda) => eta * lambda,
  pytorch: (eta, alpha, lambda) => eta * alpha * lambda,
};

/** Return theta after each step. Every operation is rounded to the dtype by `r`. */
function adamw(test, r, decay, bug) {
  const h = Object.fromEntries(Object.entries(test.hyper).map(([name, x]) => [name, x.dec]));
  const [b1, b2, c1, c2] = [h.beta1, h.beta2, 1 - h.beta1, 1 - h.beta2].map(r);
  let theta = test.theta0.dec;
  let m = theta.map(() => 0);
  let v = theta.map(() => 0);
  const path = [];
  for (let t = 1; t <= test.steps; t++) {
    const [g, eta] = [test.grads.dec[t - 1], test.eta.dec[t - 1]];
    // scalars: float64 once a step, then rounded to the dtype
    const bias2 = 1 - h.beta2 ** t;
    const eps = r(bug === "eps-hat" ? h.eps / Math.sqrt(bias2) : h.eps);
    const bias = [r(1 - h.beta1 ** t), r(bias2)];
    const rate = r(eta * h.learning_rate);
    const k = r(decay(eta, h.learning_rate, h.weight_decay));

    m = m.map((x, i) => r(r(b1 * x) + r(c1 * g[i])));
    v = v.map((x, i) => r(r(b2 * x) + r(c2 * r(g[i] * g[i]))));
    theta = theta.map((x, i) => {
      const root = r(Math.sqrt(r(v[i] / bias[1])));
      const step = r(rate * r(r(m[i] / bias[0]) / r(root + eps)));
      if (bug === "after") return r(r(x - step) - r(k * r(x - step)));
      return r(x - r(step + r(k * x)));
    });
    path.push(theta);
  }
  return path;
}

/** Return the worst |theta - expected| in units of the tolerance; up to `limit` passes. */
function ratio(test, path) {
  let worst = 0;
  test.at.forEach((step, k) =>
    test.expected.dec[k].forEach((expected, i) => {
      if (expected === null) return; // nothing is certified there
      const distance = Math.abs(path[step - 1][i] - expected);
      const far = distance === 0 ? 0 : distance / test.tolerance[k][i];
      worst = Math.max(worst, Number.isNaN(far) ? Infinity : far);
    }),
  );
  return worst;
}

function fail(message) {
  console.error(`adamw.mjs: ${message}`);
  process.exit(2);
}

const [file, ...options] = process.argv.slice(2);
const option = (name) => (options.includes(name) ? options[options.indexOf(name) + 1] : undefined);
const bug = option("--bug");
if (!file) fail("usage: adamw.mjs VECTORS.json [--outputs FILE] [--bug after|eps-hat]");
if (bug && !["after", "eps-hat"].includes(bug)) fail(`no bug ${bug}: after, eps-hat`);
const vectors = JSON.parse(readFileSync(file, "utf8"));
if (vectors.schema !== "vectors_schema_v1.json") fail(`schema ${vectors.schema} is unknown`);
const decay = DECAY[vectors.convention];
if (vectors.algorithm !== "adamw" || !decay) fail("only adamw of paper or pytorch");

let [count, failed, worst] = [0, 0, 0];
const outputs = [];
for (const { dtype, tests } of vectors.groups) {
  for (const test of tests) {
    const path = adamw(test, ROUND[dtype], decay, bug);
    const far = ratio(test, path);
    const passes = far <= vectors.limit;
    if (!passes) console.log(`FAIL ${test.tcId} ${test.id} ratio ${far} flags ${test.flags}`);
    [count, failed, worst] = [count + 1, failed + !passes, Math.max(worst, far)];
    const shown = path.map((row) => row.map((x) => (Number.isFinite(x) ? x : word(x))));
    outputs.push({ tcId: test.tcId, theta: shown });
  }
}
console.log(`${count - failed} of ${count} tests pass, worst ratio ${worst.toPrecision(3)}`);

function word(x) {
  return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

if (option("--outputs")) {
  const { algorithm, convention, suite } = vectors;
  const implementation = { name: "adamw.mjs", version: "1", language: "JavaScript" };
  const schema = "outputs_schema_v1.json";
  const document = { schema, algorithm, convention, suite, implementation, outputs };
  writeFileSync(option("--outputs"), JSON.stringify(document) + "\n");
}
process.exit(failed ? 1 : 0);
