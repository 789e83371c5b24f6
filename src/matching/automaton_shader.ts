/** Invocations per workgroup. */
export const workgroupSize = 64;

/** 32-bit words of the answer for one chunk: how many patterns it holds, and their numbers. */
export const wordsPerAnswer = 8;

/** Written for a chunk that holds more patterns than its answer has room for. */
export const overflow = 0xffff_ffff;

/** Bindings of the shader, by number. */
export const bindings = {
  limits: 0,
  classes: 1,
  transitions: 2,
  stateOutputs: 3,
  outputs: 4,
  shapes: 5,
  bytes: 6,
  chunks: 7,
  answers: 8,
} as const;

/**
 * Walks the automaton over one chunk of a payload per invocation. It begins as far before the chunk as the longest
 * pattern reaches; what ends there is the business of the chunk before. See `Automaton` for the arrays.
 */
export const automatonShader = `
struct Limits { chunks: u32, longest: u32, classCount: u32, unused: u32 }
@group(0) @binding(${bindings.limits}) var<uniform> limits: Limits;
@group(0) @binding(${bindings.classes}) var<storage, read> classes: array<u32, 64>;
@group(0) @binding(${bindings.transitions}) var<storage, read> transitions: array<u32>;
@group(0) @binding(${bindings.stateOutputs}) var<storage, read> stateOutputs: array<vec2<u32>>;
@group(0) @binding(${bindings.outputs}) var<storage, read> outputs: array<u32>;
@group(0) @binding(${bindings.shapes}) var<storage, read> shapes: array<u32>;
@group(0) @binding(${bindings.bytes}) var<storage, read> bytes: array<u32>;
@group(0) @binding(${bindings.chunks}) var<storage, read> chunks: array<vec4<u32>>;
@group(0) @binding(${bindings.answers}) var<storage, read_write> answers: array<u32>;

fn add(answer: u32, pattern: u32) {
  let count = answers[answer];
  if (count == ${overflow}u) { return; }
  for (var at = 1u; at <= count; at++) {
    if (answers[answer + at] == pattern) { return; }
  }
  if (count == ${wordsPerAnswer - 1}u) {
    answers[answer] = ${overflow}u;
    return;
  }
  answers[answer + count + 1u] = pattern;
  answers[answer] = count + 1u;
}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let number = id.x;
  if (number >= limits.chunks) { return; }
  let chunk = chunks[number];
  let answer = number * ${wordsPerAnswer}u;
  answers[answer] = 0u;
  var row = 0u;
  for (var at = max(chunk.x, chunk.z - min(chunk.z, limits.longest - 1u)); at < chunk.w; at++) {
    let byte = (bytes[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
    let column = (classes[byte >> 2u] >> ((byte & 3u) * 8u)) & 255u;
    let next = transitions[row + column];
    row = next & 0x7fffffffu;
    if (next < 0x80000000u || at < chunk.z) { continue; }
    let walked = at + 1u - chunk.x;
    var state = row / limits.classCount;
    while (state != 0u) {
      let ends = stateOutputs[state];
      for (var output = stateOutputs[state - 1u].x; output < ends.x; output++) {
        let pattern = outputs[output];
        let shape = shapes[pattern];
        let fits = ((shape & 1u) == 0u || (shape >> 2u) == walked) &&
          ((shape & 2u) == 0u || at + 1u == chunk.y);
        if (fits) { add(answer, pattern); }
      }
      state = ends.y;
    }
  }
}
`;
