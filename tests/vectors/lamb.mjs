// LAMB from docs/vectors.md, checked against exported vectors. Node, no dependencies.
//
//   node lamb.mjs VECTORS.json [--outputs FILE] [--bug l2|whole]
//
// Exit status: 0 every test passes, 1 some do not, 2 the file cannot be used.

import { readFileSync, writeFileSync } from "node:fs";

const BUGS = ["l2", "whole"];
const LARGEST = 10000; // coordinates of a test whose outputs a file may hold
const ROUND = { float64: (x) => x, float32: Math.fround };

const plain = (hyper) => Object.fromEntries(Object.entries(hyper).map(([k, x]) => [k, x.dec]));
const number = (x) => (typeof x === "string" ? { nan: NaN, inf: 1 / 0, "-inf": -1 / 0 }[x] : x);

/** Return theta after each step: tensor by tensor, then laid end to end. */
function run(test, r, bug) {
  const path = Array.from({ length: test.steps }, () => []);
  let begin = 0;
  test.tensors.forEach((length, i) => {
    const part = (row) =>
      Array.from({ length }, (_, j) => number(row[(begin + j) % test.columns]));
    const has = (t) => t >= test.starts[i] && !test.gaps[i].includes(t);
    const h = { ...plain(test.hyper), ...plain(test.groups[i]) };
    const grads = test.grads.dec.map((row, t) => (has(t + 1) ? part(row) : null));
    lamb(h, part(test.theta0.dec), grads, test.eta.dec, r, bug).forEach((theta, t) =>
      path[t].push(...theta),
    );
    begin += length;
  });
  return path;
}

/** Return one tensor after each step. Every operation is rounded to the dtype by `r`. */
function lamb(h, theta, grads, etas, r, bug) {
  const [b1, b2, c1, c2] = [h.beta1, h.beta2, 1 - h.beta1, 1 - h.beta2].map(r);
  let m = theta.map(() => 0);
  let v = theta.map(() => 0);
  const path = [];
  let t = 0; // counts the steps that this tensor takes
  for (const [k, g] of grads.entries()) {
    if (g === null) {
      path.push(theta); // no gradient: it stands still
      continue;
    }
    t += 1;
    // scalars: float64 once a step, then rounded to the dtype
    const bias = [r(1 - h.beta1 ** t), r(1 - h.beta2 ** t)];
    const [eps, lambda] = [r(h.eps), r(h.weight_decay)];
    const gradient = bug === "l2" ? g.map((x, i) => r(x + r(lambda * theta[i]))) : g;

    m = m.map((x, i) => r(r(b1 * x) + r(c1 * gradient[i])));
    v = v.map((x, i) => r(r(b2 * x) + r(c2 * r(gradient[i] * gradient[i]))));
    const u = theta.map((x, i) => {
      const root = r(Math.sqrt(r(v[i] / bias[1])));
      const direction = r(r(m[i] / bias[0]) / r(root + eps));
      return bug === "l2" ? direction : r(direction + r(lambda * x));
    });
    const rate = r(etas[k] * h.learning_rate * ratioOf(norm(theta), norm(u), bug));
    theta = theta.map((x, i) => r(x - r(rate * u[i])));
    path.push(theta);
  }
  return path;
}

const norm = (x) => Math.sqrt(x.reduce((sum, y) => sum + y * y, 0));

/** Return how long a step is for its tensor: 1 where either has no length. */
function ratioOf(theta, u, bug) {
  if (bug === "whole") return theta; // as if the direction had length 1
  return theta > 0 && u > 0 ? theta / u : 1;
}

/** Return the worst |theta - expected| in units of the tolerance; up to `limit` passes. */
function ratio(test, path) {
  let worst = 0;
  test.at.forEach((step, k) =>
    path[step - 1].forEach((x, i) => {
      const [expected, tolerance] = [test.expected.dec[k], test.tolerance[k]].map(
        (row) => row[i % test.columns],
      );
      if (expected === null) return; // nothing is certified there
      if (expected === "nan") return Number.isFinite(x) && (worst = Infinity); // no finite is right
      const distance = Math.abs(x - expected);
      const far = distance === 0 ? 0 : distance / tolerance;
      worst = Math.max(worst, Number.isNaN(far) ? Infinity : far);
    }),
  );
  return worst;
}

function fail(message) {
  console.error(`lamb.mjs: ${message}`);
  process.exit(2);
}

const [file, ...options] = process.argv.slice(2);
const option = (name) => (options.includes(name) ? options[options.indexOf(name) + 1] : undefined);
const bug = option("--bug");
if (!file) fail("usage: lamb.mjs VECTORS.json [--outputs FILE] [--bug l2|whole]");
if (bug && !BUGS.includes(bug)) fail(`no bug ${bug}: ${BUGS.join(", ")}`);
const vectors = JSON.parse(readFileSync(file, "utf8"));
if (vectors.schema !== "vectors_schema_v2.json") fail(`schema ${vectors.schema} is unknown`);
if (vectors.algorithm !== "lamb" || vectors.convention !== "paper") fail("only lamb of paper");

let [count, failed, worst] = [0, 0, 0];
const [outputs, right, wrong] = [[], [], []];
for (const { dtype, tests } of vectors.groups) {
  for (const test of tests) {
    const path = run(test, ROUND[dtype], bug);
    const far = ratio(test, path);
    const passes = far <= vectors.limit;
    (passes ? right : wrong).push(...test.flags);
    if (!passes) console.log(`FAIL ${test.tcId} ${test.id} ratio ${far}: ${test.comment}`);
    [count, failed, worst] = [count + 1, failed + !passes, Math.max(worst, far)];
    if (test.size > LARGEST) continue;
    const shown = path.map((row) => row.map((x) => (Number.isFinite(x) ? x : word(x))));
    outputs.push({ tcId: test.tcId, theta: shown });
  }
}
console.log(`${count - failed} of ${count} tests pass, worst ratio ${worst.toPrecision(3)}`);
// A bug has its flag on every test that it fails and on no other; else a few flags lead there.
const only = [...new Set(wrong)].filter((flag) => !right.includes(flag));
const named = only.filter((flag) => wrong.filter((f) => f === flag).length === failed);
for (const flag of named.length ? named : only)
  console.log(`${flag}: ${vectors.notes[flag].bugs}`);

function word(x) {
  return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

if (option("--outputs")) {
  const { algorithm, convention, suite } = vectors;
  const implementation = { name: "lamb.mjs", version: "1", language: "JavaScript" };
  const schema = "outputs_schema_v2.json";
  const document = { schema, algorithm, convention, suite, implementation, outputs };
  writeFileSync(option("--outputs"), JSON.stringify(document) + "\n");
}
process.exit(failed ? 1 : 0);
