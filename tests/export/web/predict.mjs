// Predicts with ONNX files by the runtime for browsers: `node predict.mjs FOLDER NAME [NAME ...]`. FOLDER has NAME.onnx and NAME.json,
// which has the type, shape and values of each input, and null for NaN. A line of JSON is printed for each: its outputs by name.

import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;

function tensor({ type, shape, values }) {
  return new ort.Tensor(type, type === "string" ? values : Float64Array.from(values, (value) => value ?? NaN), shape);
}

function plain(value) {
  return typeof value === "bigint" ? Number(value) : Number.isNaN(value) ? null : value;
}

const [folder, ...names] = process.argv.slice(2);
for (const name of names) {
  const session = await ort.InferenceSession.create(readFileSync(`${folder}/${name}.onnx`));
  const inputs = JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));
  const found = await session.run(Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, tensor(input)])));
  const outputs = Object.entries(found).map(([key, { dims, data }]) => [key, { dims, values: Array.from(data, plain) }]);
  console.log(JSON.stringify(Object.fromEntries(outputs)));
}
