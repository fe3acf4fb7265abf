// Predicts by the rules of models/FORMAT.md alone, with h5wasm or with jsfive: `node predict.mjs LIBRARY MODEL ROWS [MODEL ROWS ...]`.
// What ROWS is and what is printed, predict.py says.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const clip = (value, low, high) => Math.min(Math.max(value, low), high);
const sigmoid = (value) => 1 / (1 + Math.exp(-value));
const softplus = (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
const gated = (z, gate) => z.slice(0, z.length / 2).map((value, unit) => value * gate(z[z.length / 2 + unit]));

function erf(x) { // by the series in FORMAT.md
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) total += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

function gelu(z, approximate) {
  const inner = approximate === "none" ? erf(z / Math.SQRT2) : Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3));
  return (z * (1 + inner)) / 2;
}

const ACTIVATIONS = {
  linear: (z) => z,
  sigmoid: (z) => z.map(sigmoid),
  tanh: (z) => z.map(Math.tanh),
  relu: (z) => z.map((value) => Math.max(value, 0)),
  leaky_relu: (z, { negative_slope: slope }) => z.map((value) => (value > 0 ? value : slope * value)),
  prelu: (z, options, slope) => z.map((value, unit) => (value > 0 ? value : slope[unit] * value)),
  relu6: (z) => z.map((value) => clip(value, 0, 6)),
  relu_squared: (z) => z.map((value) => Math.max(value, 0) ** 2),
  elu: (z, { alpha }) => z.map((value) => (value > 0 ? value : alpha * Math.expm1(value))),
  celu: (z, { alpha }) => z.map((value) => (value > 0 ? value : alpha * Math.expm1(value / alpha))),
  selu: (z) => z.map((value) => 1.0507009873554805 * (value > 0 ? value : 1.6732632423543772 * Math.expm1(value))),
  exponential: (z) => z.map((value) => Math.exp(value)),
  gelu: (z, { approximate }) => z.map((value) => gelu(value, approximate)),
  silu: (z) => z.map((value) => value * sigmoid(value)),
  mish: (z) => z.map((value) => value * Math.tanh(softplus(value))),
  softplus: (z, { beta, threshold }) => z.map((value) => (beta * value > threshold ? value : softplus(beta * value) / beta)),
  squareplus: (z, { b }) => z.map((value) => (value + Math.sqrt(value ** 2 + b)) / 2),
  softsign: (z) => z.map((value) => value / (1 + Math.abs(value))),
  lecun_tanh: (z) => z.map((value) => 1.7159 * Math.tanh((2 * value) / 3)),
  log_sigmoid: (z) => z.map((value) => -softplus(-value)),
  hard_sigmoid: (z) => z.map((value) => clip(value + 3, 0, 6) / 6),
  hard_silu: (z) => z.map((value) => (value * clip(value + 3, 0, 6)) / 6),
  hard_tanh: (z) => z.map((value) => clip(value, -1, 1)),
  tanh_shrink: (z) => z.map((value) => value - Math.tanh(value)),
  soft_shrink: (z, { threshold }) => z.map((value) => value - clip(value, -threshold, threshold)),
  hard_shrink: (z, { threshold }) => z.map((value) => (Math.abs(value) > threshold ? value : 0)),
  gaussian: (z) => z.map((value) => Math.exp(-(value ** 2))),
  sine: (z, { omega }) => z.map((value) => Math.sin(omega * value)),
  glu: (z) => gated(z, sigmoid),
  swiglu: (z) => gated(z, (value) => value * sigmoid(value)),
  geglu: (z, { approximate }) => gated(z, (value) => gelu(value, approximate)),
  reglu: (z) => gated(z, (value) => Math.max(value, 0)),
  softmax: (z) => z.map((value) => Math.exp(value - Math.max(...z))).map((power, _, powers) => power / powers.reduce((a, b) => a + b)),
  log_softmax: (z) => z.map((value) => value - Math.log(z.reduce((total, each) => total + Math.exp(each), 0))),
  continuation_ratio: (z) =>
    z.map((value, unit) => z.slice(0, unit).reduce((above, each) => above * sigmoid(each), unit < z.length - 1 ? sigmoid(-value) : 1)),
};
const LIBRARIES = { // how each opens a file: the values of a path, and of an attribute of the root
  async h5wasm(path) {
    const { default: library } = await import("h5wasm/node");
    await library.ready;
    const file = new library.File(path, "r");
    return { values: (name) => file.get(name).value, attribute: (name) => file.attrs[name].value };
  },
  async jsfive(path) {
    const { File } = await import("jsfive"), { buffer, byteOffset, length } = readFileSync(path);
    const file = new File(buffer.slice(byteOffset, byteOffset + length));
    return { values: (name) => file.get(name.slice(1)).value, attribute: (name) => file.attrs[name] };
  },
};
const STORED = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int64: BigInt64Array };

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);
const raw = (dtype, values) => bytesOf(STORED[dtype].from(values, dtype === "int64" ? BigInt : Number));
const parse = (bytes) => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));

function check(holds, what) {
  if (!holds) throw new Error(`${what} does not match its digest`);
}

async function read(library, path) { // after every digest has been verified
  const file = await LIBRARIES[library](path), arrays = new Map();
  const text = raw("uint8", file.values("/manifest")), manifest = parse(text);
  check(sha256(text) === file.attribute("manifest_sha256"), "/manifest");
  for (const { path: name, dtype, sha256: expected } of manifest.objects) {
    const bytes = raw(dtype, file.values(name));
    check(sha256(bytes) === expected, name);
    arrays.set(name, name === "/spec" ? parse(bytes) : Array.from(file.values(name), Number));
  }
  return { manifest, spec: arrays.get("/spec"), arrays };
}

function number(value, missing) {
  if (value === null || missing.includes(value)) return NaN;
  return { true: 1, false: 0 }[String(value).toLowerCase()] ?? Number(value);
}

function dateNumbers(value, parts, missing) {
  if (value === null || missing.includes(value)) return parts.map(() => NaN);
  const [, year, month, day, hour, minute, second, sign, ahead, more] = /^(\d+)-(\d+)-(\d+)(?:[T ](\d+):(\d+)(?::(\d+(?:\.\d+)?))?(?:Z|([+-])(\d\d):?(\d\d))?)?$/.exec(value);
  const east = (sign === "-" ? -60 : 60) * (Number(ahead ?? 0) * 60 + Number(more ?? 0)), start = (...parts) => new Date(0).setUTCFullYear(...parts) / 864e5;
  const time = Number(hour ?? 0) * 3600 + Number(minute ?? 0) * 60 + Number(second ?? 0) - east;
  const days = start(year, month - 1, day) + Math.floor(time / 86400), fraction = time / 86400 - Math.floor(time / 86400), date = new Date(days * 864e5);
  const angle = (2 * Math.PI * (days - start(date.getUTCFullYear(), 0, 1))) / 365.25, turn = 2 * Math.PI * fraction;
  const known = { days: days + fraction, year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, weekday: (date.getUTCDay() + 6) % 7 };
  Object.assign(known, { day_of_year_sine: Math.sin(angle), day_of_year_cosine: Math.cos(angle), hour_sine: Math.sin(turn), hour_cosine: Math.cos(turn) });
  return parts.map((part) => known[part]);
}

const BLANKS = "[ \\t\\u00a0\\u2009\\u202f]*", MAGNITUDES = { k: 3, m: 6, mn: 6, b: 9, bn: 9 };
const bare = (text) => text.replace(new RegExp(`^${BLANKS}|${BLANKS}$`, "g"), "");

function signed(text) { // -1, 1 or 0 for none, and the text without a sign or parentheses
  if (/^\(.*\)$/s.test(text)) return [-1, bare(text.slice(1, -1))];
  return /^[-+]/.test(text) ? [text[0] === "-" ? -1 : 1, bare(text.slice(1))] : [0, text];
}

function written(value, { unit, decimal, magnitudes }) { // the number of a text in the notation of its column
  let [sign, text] = signed(bare(value).replace(/[\u2212\u2013]/g, "-")), power = 0;
  const spellings = unit.filter(Boolean).sort((a, b) => b.length - a.length);
  text = bare(text.slice(spellings.find((one) => text.startsWith(one))?.length ?? 0));
  text = bare(text.slice(0, text.length - (spellings.find((one) => text.endsWith(one))?.length ?? 0)));
  if (!sign) [sign, text] = signed(text);
  const magnitude = magnitudes && /(?<=[0-9.,\s])(k|mn?|bn?)$/i.exec(text);
  if (magnitude) [text, power] = [bare(text.slice(0, magnitude.index)), MAGNITUDES[magnitude[0].toLowerCase()]];
  text = text.replace(/(?<=[0-9])[.,] ?[-\u2014]{1,2}$/, "");
  const [other, indian] = decimal === "." ? [",", "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"] : [".", ""];
  const groups = `[1-9][0-9]{0,2}([${other}'\u2019 \u00a0\u2009\u202f])[0-9]{3}(?:\\2[0-9]{3})*`;
  const [, whole, , fraction] = new RegExp(`^(?=.*[0-9])(${groups}${indian}|[0-9]*)(?:[${decimal}]([0-9]*))?$`).exec(text);
  return (sign || 1) * Number(`${whole.replace(/[^0-9]/g, "") || 0}.${fraction || 0}e${power}`);
}

const textNumber = (value, notation) => (notation.true ? Number(notation.true.includes(bare(value).toLowerCase())) : written(value, notation));

const categoryText = (value) => (typeof value === "boolean" ? (value ? "True" : "False") : String(value));
const category = (value, missing) => (value === null || missing.includes(String(value)) ? null : categoryText(value));

function interpolated(x, points, scores) { // piecewise linear, constant beyond the ends
  const next = points.findIndex((point) => x <= point);
  if (next <= 0) return next ? scores.at(-1) : scores[0];
  return scores[next - 1] + (scores[next] - scores[next - 1]) * (x - points[next - 1]) / (points[next] - points[next - 1]);
}

function encode({ columns, missing, zeros = [] }, arrays, row) {
  const of = (name) => arrays.get(`/preprocess/inputs/${name}`) ?? [];
  const plain = columns.filter(({ kind }) => kind !== "category"), chosen = columns.filter(({ kind }) => kind === "category");
  const values = plain.flatMap(({ name, kind, parts, notation }) => (kind === "date" ? dateNumbers(row[name], parts, missing) : [row[name]].flat().map((value) => (notation && typeof value === "string" && !missing.includes(value) ? textNumber(value, notation) : number(value, missing)))));
  const [fill, center, scale, lower, upper] = ["fill", "center", "scale", "lower", "upper"].map(of);
  const limited = (value, at) => (lower.length ? Math.min(Math.max(value, lower[at]), upper[at]) : value);
  const scaled = values.map((value, at) => (limited(Number.isNaN(value) ? fill[at] : value, at) - center[at]) / scale[at]);
  const gaps = of("gaps").map((at) => Number(Number.isNaN(values[at])));
  const knots = [...of("knots")], scores = [...of("scores")], kinds = plain.flatMap((column) => Array(column.width).fill(column)), places = [];
  kinds.forEach(({ treatment, clip }, at) => {
    const x = scaled[at], points = knots.splice(0, of("knot_counts")[at] ?? 0);
    if (points.length && treatment === "quantile") scaled[at] = interpolated(x, points, scores.splice(0, points.length));
    else places.push(...points.slice(1).map((end, bin) => Math.min(Math.max((x - points[bin]) / (end - points[bin]), 0), 1)));
    if (clip === "smooth") scaled[at] /= Math.hypot(1, scaled[at] / 3);
    else if (clip) scaled[at] = Math.min(Math.max(scaled[at], -clip), clip);
  });
  const choices = chosen.flatMap(({ name, treatment, categories }) => {
    const found = categories.indexOf(category(row[name], missing));
    return treatment === "embed" ? [found < 0 ? categories.length : found] : categories.map((_, at) => Number(at === found));
  });
  return [...scaled, ...gaps, ...places, ...choices].map((value, at) => (zeros.includes(at) ? 0 : value));
}

function embedded({ type, inputs, levels, units, frequencies, bins }, part, row) { // the values of an embedding
  const [frequency, phase, weight, bias, edges] = ["frequency", "phase", "weight", "bias", "edges"].map(part), turn = 2 * Math.PI;
  return inputs.flatMap((index, n) => {
    const v = row[index], of = (array, size) => array.slice(n * size, (n + 1) * size), perUnit = Array.from({ length: units }, (_, j) => j);
    if (type === "category") {
      const start = levels.slice(0, n).reduce((a, b) => a + b, n), at = Number.isInteger(v) && v >= 0 && v < levels[n] ? v : levels[n];
      return perUnit.map((j) => weight[(start + at) * units + j]);
    }
    const angles = bins ? [] : of(frequency, frequencies).map((f, k) => turn * f * v + (phase ? phase[n * frequencies + k] : 0));
    const ends = bins ? of(edges, bins + 1) : [];
    const places = ends.slice(1).map((end, k) => clip((v - ends[k]) / (end - ends[k]), 0, 1));
    const features = type === "periodic" ? [...angles.map(Math.sin), ...angles.map(Math.cos)] : bins ? places : angles.map(Math.cos);
    const map = of(weight, features.length * units);
    const values = perUnit.map((j) => features.reduce((sum, feature, k) => sum + feature * map[k * units + j], bias[n * units + j]));
    return type === "periodic" ? values.map((value) => Math.max(value, 0)) : values;
  });
}

function firstInputs({ embeddings = [] }, arrays, row) { // of the first layer
  const codes = new Set(embeddings.filter(({ type }) => type === "category").flatMap(({ inputs }) => inputs));
  const values = embeddings.flatMap((options, at) => embedded(options, (name) => arrays.get(`/tensors/embeddings.${at}/${name}`), row));
  return [...row.filter((_, at) => !codes.has(at)), ...values];
}

function normalized(options, part, z) {
  if (!options) return z;
  const rms = options.type === "rms", average = (values) => values.reduce((a, b) => a + b) / values.length, [scale, shift] = ["scale", "shift"].map(part);
  const mean = part("mean") ?? z.map(() => (rms ? 0 : average(z)));
  const variance = part("variance") ?? z.map(() => average(z.map((value) => (value - mean[0]) ** 2)));
  return z.map((value, unit) => (value - mean[unit]) / Math.sqrt(variance[unit] + options.epsilon) * scale[unit] + (shift?.[unit] ?? 0));
}

function membersOf({ ensemble }, arrays, training) { // the prefixes of their tensors; of an unfinished run only those with a row in the history
  if (!ensemble) return [""];
  const members = Array.from({ length: ensemble.members }, (_, number) => number), begun = training ? arrays.get("/history/member") : [];
  return members.filter((number) => !begun.length || begun.includes(number)).map((number) => `members.${number}.`);
}

const own = (arrays, member) => new Map([...arrays].map(([path, array]) => [path.replace(`/tensors/${member}`, "/tensors/"), array])); // of a member

function forward(spec, arrays, row) {
  const first = firstInputs(spec.network, arrays, row), inputs = [first]; // of each layer
  return spec.network.layers.reduce((x, { activation, normalization, residual }, index) => {
    const name = `/tensors/layers.${index}`, weight = arrays.get(`${name}/weight`), bias = arrays.get(`${name}/bias`);
    const width = weight.length / x.length, scale = arrays.get(`${name}/input_scale`);
    const score = (unit) => x.reduce((sum, value, at) => sum + value * (scale?.[at] ?? 1) * weight[at * width + unit], bias?.[unit] ?? 0);
    const z = Array.from({ length: width }, (_, unit) => score(unit)), part = (key) => arrays.get(`${name}.normalization/${key}`);
    const slope = arrays.get(`${name}.activation/slope`);
    const kind = activation.type ?? activation;
    if (!(kind in ACTIVATIONS)) throw new Error(`layer ${index} has the activation ${kind}, which this reader does not know`);
    const outputs = ACTIVATIONS[kind](normalized(normalization, part, z), activation, slope);
    inputs.push(residual ? outputs.map((value, unit) => value + inputs.at(-residual)[unit]) : outputs);
    return inputs.at(-1);
  }, first);
}

const LOG_MEAN = ["poisson", "gamma", "tweedie"];

function mainOutput({ quantiles = [0.5] }) { // the output of each target that is its prediction: of several quantiles the one nearest to the median
  const away = quantiles.map((share) => Number(Math.abs(share - 0.5).toFixed(12)));
  return away.indexOf(Math.min(...away));
}

function scoresOf({ task, form, outputs_per_target: several = 1 }, arrays, outputs, loss) { // the probabilities or values that a prediction comes from
  if (task === "multilabel") return outputs;
  if (form !== "numbers") return form === "binary" ? [1 - outputs[0], outputs[0]] : outputs;
  const [scale, center, lower, upper] = ["scale", "center", "lower", "upper"].map((name) => arrays.get(`/preprocess/target/${name}`));
  const chosen = outputs.filter((_, at) => at % several === mainOutput(loss));
  const values = chosen.map((value, at) => (LOG_MEAN.includes(loss.type ?? loss) ? Math.exp(value) : value * scale[at] + center[at]));
  return lower ? values.map((value, at) => Math.min(Math.max(value, lower[at]), upper[at])) : values;
}

function decode({ task, form, classes, threshold }, scores) { // a prediction
  if (task === "multilabel") return scores.map((value) => Number(value > 0.5));
  if (form === "numbers") return scores;
  if (threshold !== undefined) return classes[Number(scores[1] > threshold)];
  return classes[scores.indexOf(Math.max(...scores))];
}

const [library, ...files] = process.argv.slice(2);
for (let at = 0; at < files.length; at += 2) {
  const { manifest, spec, arrays } = await read(library, files[at]), { inputs, target } = manifest.preprocessing;
  const rows = JSON.parse(readFileSync(files[at + 1], "utf-8"));
  const members = membersOf(spec, arrays, manifest.training).map((member) => own(arrays, member));
  const scores = rows.map((row) => {
    const x = encode(inputs, arrays, row), each = members.map((member) => scoresOf(target, arrays, forward(spec, member, x), spec.loss));
    return each[0].map((_, at) => each.reduce((sum, one) => sum + one[at], 0) / each.length);
  });
  console.log(JSON.stringify({ predictions: scores.map((each) => decode(target, each)), scores }));
}
