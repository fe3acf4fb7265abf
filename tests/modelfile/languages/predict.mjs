// Predicts by the rules of models/FORMAT.md alone, with h5wasm or with jsfive: `node predict.mjs LIBRARY MODEL ROWS [MODEL ROWS ...]`.
// What ROWS is and what is printed, predict.py says.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const ACTIVATIONS = {
  linear: (z) => z,
  sigmoid: (z) => z.map((value) => 1 / (1 + Math.exp(-value))),
  tanh: (z) => z.map(Math.tanh),
  relu: (z) => z.map((value) => Math.max(value, 0)),
  leaky_relu: (z, { negative_slope: slope }) => z.map((value) => (value > 0 ? value : slope * value)),
  prelu: (z, options, slope) => z.map((value, unit) => (value > 0 ? value : slope[unit] * value)),
  glu: (z) => z.slice(0, z.length / 2).map((value, unit) => value / (1 + Math.exp(-z[z.length / 2 + unit]))),
  softmax: (z) => z.map((value) => Math.exp(value - Math.max(...z))).map((power, _, powers) => power / powers.reduce((a, b) => a + b)),
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

const category = (value, missing) => (value === null || missing.includes(String(value)) ? null : String(value));

function encode({ columns, missing }, arrays, row) {
  const of = (name) => arrays.get(`/preprocess/inputs/${name}`) ?? [];
  const plain = columns.filter(({ kind }) => kind !== "category"), chosen = columns.filter(({ kind }) => kind === "category");
  const values = plain.flatMap(({ name }) => row[name]).map((value) => number(value, missing));
  const [fill, center, scale] = ["fill", "center", "scale"].map(of);
  const scaled = values.map((value, at) => ((Number.isNaN(value) ? fill[at] : value) - center[at]) / scale[at]);
  const gaps = of("gaps").map((at) => Number(Number.isNaN(values[at])));
  const choices = chosen.flatMap(({ name, categories }) => categories.map((known) => Number(category(row[name], missing) === known)));
  return [...scaled, ...gaps, ...choices];
}

function normalized(options, part, z) {
  if (!options) return z;
  const rms = options.type === "rms", average = (values) => values.reduce((a, b) => a + b) / values.length, [scale, shift] = ["scale", "shift"].map(part);
  const mean = part("mean") ?? z.map(() => (rms ? 0 : average(z)));
  const variance = part("variance") ?? z.map(() => average(z.map((value) => (value - mean[0]) ** 2)));
  return z.map((value, unit) => (value - mean[unit]) / Math.sqrt(variance[unit] + options.epsilon) * scale[unit] + (shift?.[unit] ?? 0));
}

function forward(spec, arrays, row) {
  const inputs = [row]; // of each layer
  return spec.network.layers.reduce((x, { activation, normalization, residual }, index) => {
    const name = `/tensors/layers.${index}`, weight = arrays.get(`${name}/weight`), bias = arrays.get(`${name}/bias`);
    const width = weight.length / x.length;
    const score = (unit) => x.reduce((sum, value, at) => sum + value * weight[at * width + unit], bias?.[unit] ?? 0);
    const z = Array.from({ length: width }, (_, unit) => score(unit)), part = (key) => arrays.get(`${name}.normalization/${key}`);
    const slope = arrays.get(`${name}.activation/slope`);
    const outputs = ACTIVATIONS[activation.type ?? activation](normalized(normalization, part, z), activation, slope);
    inputs.push(residual ? outputs.map((value, unit) => value + inputs.at(-residual)[unit]) : outputs);
    return inputs.at(-1);
  }, row);
}

function decode({ task, form, classes, outputs_per_target: several = 1 }, arrays, outputs) { // a prediction, and the probabilities or values that it comes from
  if (task === "multilabel") return [outputs.map((value) => Number(value > 0.5)), outputs];
  if (form === "numbers") {
    const [scale, center] = ["scale", "center"].map((name) => arrays.get(`/preprocess/target/${name}`));
    const values = outputs.filter((_, at) => at % several === 0).map((value, at) => value * scale[at] + center[at]);
    return [values, values];
  }
  const chances = form === "binary" ? [1 - outputs[0], outputs[0]] : outputs;
  return [classes[chances.indexOf(Math.max(...chances))], chances];
}

const [library, ...files] = process.argv.slice(2);
for (let at = 0; at < files.length; at += 2) {
  const { manifest, spec, arrays } = await read(library, files[at]), { inputs, target } = manifest.preprocessing;
  const rows = JSON.parse(readFileSync(files[at + 1], "utf-8"));
  const results = rows.map((row) => decode(target, arrays, forward(spec, arrays, encode(inputs, arrays, row))));
  console.log(JSON.stringify({ predictions: results.map(([prediction]) => prediction), scores: results.map(([, scores]) => scores) }));
}
