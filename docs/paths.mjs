// ---------------------------------------------------------------------------------------------
// The page: a quadratic f(θ) = ½ (θ - c)ᵀ H (θ - c), four optimizers, sliders.

const START = [-0.75, 0.5];
const CENTRE = [1.5, -0.75];
const COSINE = 0.8; // of the angle by which H's axes are turned; its sine is 0.6
const SINE = 0.6;
const MOMENTUM = 0.9;
const METHODS = [
  { name: "SGD + L2", rule: sgd, slots: 1, colour: "#E69F00", dash: "0.05 0.03", l2: true },
  { name: "SGDW", rule: sgdw, slots: 1, colour: "#009E73", dash: "" },
  { name: "Adam + L2", rule: adam, slots: 2, colour: "#D55E00", dash: "0.05 0.03", l2: true },
  { name: "AdamW", rule: adamw, slots: 2, colour: "#0072B2", dash: "" },
];
const SHOWN = {
  learning_rate: (x) => 10 ** (x / 10),
  weight_decay: (x) => 10 ** (x / 10),
  condition: (x) => 10 ** (x / 10),
  steps: (x) => Math.round(10 * 10 ** (x / 5)),
};

// H = R diag(1, 1/κ) Rᵀ
function hessian(condition) {
  const low = 1 / condition;
  const a = COSINE * COSINE + SINE * SINE * low;
  const b = COSINE * SINE - COSINE * SINE * low;
  const d = SINE * SINE + COSINE * COSINE * low;
  return [a, b, d];
}

function gradient([a, b, d], [x, y]) {
  const u = x - CENTRE[0];
  const w = y - CENTRE[1];
  return [a * u + b * w, b * u + d * w];
}

// The paper's decay is the fraction that a step removes. Momentum makes a gradient count 1/(1 - β1)
// times in all, so that α λ/(1 - β1) is to SGD what the penalty ½ λ ‖θ‖² is; for Adam it is α λ.
function walk({ rule, slots, l2 }, { learning_rate, weight_decay, condition, steps }) {
  const h = hessian(condition);
  const decay = slots === 1 ? (learning_rate * weight_decay) / (1 - MOMENTUM) : learning_rate * weight_decay;
  const hyper = { learning_rate, momentum: MOMENTUM, beta1: 0.9, beta2: 0.99, eps: 1e-8,
    weight_decay: l2 ? weight_decay : decay };
  const theta = Float64Array.from(START);
  const kept = Array.from({ length: slots }, () => new Float64Array(2));
  const path = [[...theta]];
  for (let t = 1; t <= steps; t++) {
    const g = Float64Array.from(gradient(h, theta));
    if (slots === 2) rule(theta, g, ...kept, t, 1, hyper);
    else rule(theta, g, ...kept, 1, hyper);
    path.push([...theta]);
  }
  return path;
}

function settings() {
  return Object.fromEntries(Object.entries(SHOWN).map(([key, scale]) =>
    [key, scale(Number(document.getElementById(key).value))]));
}

function loss([a, b, d], [x, y]) {
  const u = x - CENTRE[0];
  const w = y - CENTRE[1];
  return 0.5 * (a * u * u + 2 * b * u * w + d * w * w);
}

function draw() {
  const own = settings();
  for (const [key, value] of Object.entries(own)) {
    document.querySelector(`output[for=${key}]`).textContent = value.toPrecision(3).replace(/\.0*$/, "");
  }
  const found = METHODS.map((method) => ({ ...method, path: walk(method, own) }));
  window.wdrefPaths = { settings: own, paths: Object.fromEntries(found.map((x) => [x.name, x.path])) };
  document.getElementById("plane").innerHTML =
    levels(own.condition) + found.map(line).join("") + legend() + marks();
  const h = hessian(own.condition);
  document.querySelector("#ends tbody").innerHTML = found.map(({ name, path }) => {
    const end = path.at(-1);
    const cells = [...end, loss(h, end)].map((x) => `<td>${number(x)}</td>`);
    return `<tr><td>${name}</td>${cells.join("")}</tr>`;
  }).join("");
}

function number(x) {
  return Math.abs(x) < 1e4 && (Math.abs(x) >= 1e-4 || x === 0) ? x.toFixed(4) : x.toExponential(2);
}

// ellipses of equal loss; y points up
function levels(condition) {
  const angle = (Math.atan2(SINE, COSINE) * 180) / Math.PI;
  return [0.01, 0.05, 0.2, 0.6, 1.2, 2.4].map((level) => {
    const rx = Math.sqrt(2 * level);
    const ry = Math.sqrt(2 * level * condition);
    return `<ellipse cx="${CENTRE[0]}" cy="${-CENTRE[1]}" rx="${rx}" ry="${ry}" fill="none" stroke="#bbb"` +
      ` stroke-width="0.006" transform="rotate(${-angle} ${CENTRE[0]} ${-CENTRE[1]})"/>`;
  }).join("");
}

function line({ path, colour, dash }) {
  const shown = path.filter((p) => p.every((x) => Math.abs(x) < 1e3));
  const [x, y] = shown.at(-1);
  return `<polyline points="${shown.map(([u, w]) => `${u},${-w}`).join(" ")}" fill="none" stroke="${colour}"` +
    ` stroke-width="0.016" stroke-dasharray="${dash}"/><circle cx="${x}" cy="${-y}" r="0.03" fill="${colour}"/>`;
}

function marks() {
  const cross = ([x, y], text) => `<path d="M${x - 0.03} ${-y}h0.06M${x} ${-y - 0.03}v0.06" stroke="#222"` +
    ` stroke-width="0.01"/><text x="${x + 0.05}" y="${-y - 0.03}" font-size="0.08" fill="#222">${text}</text>`;
  return cross(CENTRE, "minimum") + cross(START, "start") + cross([0, 0], "0");
}

function legend() {
  return METHODS.map(({ name, colour, dash }, i) =>
    `<path d="M-1 ${0.55 + 0.11 * i}h0.25" stroke="${colour}" stroke-width="0.02" stroke-dasharray="${dash}"/>` +
    `<text x="-0.68" y="${0.58 + 0.11 * i}" font-size="0.09" fill="#222">${name}</text>`).join("");
}

for (const key of Object.keys(SHOWN)) document.getElementById(key).addEventListener("input", draw);
draw();
