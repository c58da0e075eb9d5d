/*
 * Every length and alignment is checked here, on the JavaScript thread, so that kernels may trust
 * their buffers.
 */
#include "task.h"

#include <cmath>

namespace kadre {
namespace {

struct Buffer {
  void *data = nullptr;
  uint64_t bytes = 0;
};

/* Bytes from the first to the last element of rows that are `stride` apart; false: overflow. */
bool span_bytes(uint64_t rows, uint64_t width, uint64_t stride, uint64_t *bytes) {
  if (rows == 0 || width == 0) {
    *bytes = 0;
    return true;
  }
  uint64_t elements;
  return !__builtin_mul_overflow(rows - 1, stride, &elements) &&
         !__builtin_add_overflow(elements, width, &elements) &&
         !__builtin_mul_overflow(elements, sizeof(float), bytes);
}

const char *check_gemm(const kadre_task &task, const Buffer *inputs, const Buffer *outputs) {
  const uint64_t rows = task.extents[0], columns = task.extents[1], k = task.extents[2];
  const uint64_t lda = task.extents[3], ldb = task.extents[4];
  uint64_t a_bytes, b_bytes, c_bytes;
  if (lda < k || ldb < columns) return "a stride is shorter than its row";
  if (!span_bytes(rows, k, lda, &a_bytes) || !span_bytes(k, columns, ldb, &b_bytes) ||
      !span_bytes(rows, columns, columns, &c_bytes)) {
    return "extents overflow";
  }
  if (inputs[0].bytes < a_bytes) return "a is too short";
  if (inputs[1].bytes < b_bytes) return "b is too short";
  if (outputs[0].bytes != c_bytes) return "c has the wrong length";
  return nullptr;
}

const char *check_mandelbrot(const kadre_task &task, const Buffer *inputs, const Buffer *outputs) {
  const uint64_t width = task.extents[1];
  uint64_t bytes;
  if (width == 0 || !span_bytes(task.extents[0], width, width, &bytes)) return "extents overflow";
  if (inputs[0].bytes != 3 * sizeof(double)) return "the region has the wrong length";
  return outputs[0].bytes == bytes ? nullptr : "counts has the wrong length";
}

/* A block's chunk sums are themselves one chunk of 4096. */
const uint64_t PATHS_MAX = 4096 * 4096;

const char *check_montecarlo(const kadre_task &task, const Buffer *inputs, const Buffer *outputs) {
  uint64_t bytes;
  if (!span_bytes(task.extents[0], 2, 2, &bytes)) return "extents overflow";
  if (task.extents[2] < 1 || task.extents[2] > PATHS_MAX) return "paths out of range";
  if (inputs[0].bytes != 4 * sizeof(float)) return "the option has the wrong length";
  return outputs[0].bytes == bytes ? nullptr : "sums has the wrong length";
}

const char *check_search(const kadre_task &task, const Buffer *, const Buffer *outputs) {
  if (task.extents[0] > 0xffffffffu || task.extents[2] < 1) return "extents out of range";
  if (outputs[0].bytes != 8 * task.extents[0]) return "nonces has the wrong length";
  return outputs[1].bytes == 32 * task.extents[0] ? nullptr : "hashes has the wrong length";
}

/* Every slot that an instruction names exists, and the program is exactly as long as it says. */
const char *check_program(const Buffer &program) {
  const uint32_t *word = static_cast<const uint32_t *>(program.data);
  const uint64_t words = program.bytes / sizeof(uint32_t);
  if (program.bytes % sizeof(uint32_t) != 0 || words < 5) return "no program";
  const uint64_t inputs = word[0], constants = word[1], slots = word[2], instructions = word[3];
  if (inputs < 1 || inputs >= KADRE_INPUTS_MAX) return "a program with too many arrays";
  if (slots > KADRE_MAP_SLOTS_MAX || inputs + constants > slots) return "a program with bad slots";
  if (words != 5 + constants + 2 * instructions || word[4] >= slots) return "a program cut short";
  for (const uint32_t *at = word + 5 + constants; at < word + words; at += 2) {
    const uint32_t out = at[0] >> 8 & 255, a = at[0] >> 16 & 255, b = at[0] >> 24;
    if ((at[0] & 255) > 14 || out < inputs + constants) return "a bad instruction";
    if (out >= slots || a >= slots || b >= slots || at[1] >= slots) return "a bad operand";
  }
  return nullptr;
}

const char *check_map(const kadre_task &task, const Buffer *inputs, const Buffer *outputs) {
  uint64_t bytes;
  if (!span_bytes(1, task.extents[0], task.extents[0], &bytes)) return "extents overflow";
  const char *problem = check_program(inputs[0]);
  if (problem != nullptr) return problem;
  const uint32_t arrays = *static_cast<const uint32_t *>(inputs[0].data);
  for (uint32_t i = 1; i <= arrays; i++) {
    if (inputs[i].bytes != bytes) return "an array has the wrong length";
  }
  return outputs[0].bytes == bytes ? nullptr : "out has the wrong length";
}

const char *check_reduce(const kadre_task &task, const Buffer *inputs, const Buffer *outputs) {
  const uint64_t count = task.extents[2], level = task.extents[3];
  uint64_t bytes;
  if (!span_bytes(1, count, count, &bytes)) return "extents overflow";
  if (task.extents[1] > 3 || level < 1 || level > 3 || count < 1) return "extents out of range";
  const uint64_t block = 1ull << (12 * level);
  if (task.extents[0] != (count - 1) / block + 1) return "the wrong number of outputs";
  if (inputs[0].bytes != bytes) return "x has the wrong length";
  return outputs[0].bytes == 4 * task.extents[0] ? nullptr : "out has the wrong length";
}

const char *read_extents(const Napi::Value &value, kadre_task *task) {
  if (!value.IsArray()) return "extents must be a list";
  const Napi::Array list = value.As<Napi::Array>();
  if (list.Length() > KADRE_EXTENTS_MAX) return "too many extents";
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value item = list.Get(i);
    if (!item.IsNumber()) return "an extent is not a number";
    const double extent = item.As<Napi::Number>().DoubleValue();
    if (!(extent >= 0) || extent > 9007199254740991.0 || extent != std::floor(extent)) {
      return "an extent is not a whole number";
    }
    task->extents[i] = static_cast<uint64_t>(extent);
  }
  return nullptr;
}

const char *read_buffers(const Napi::Value &value, uint32_t max, Buffer *buffers) {
  if (!value.IsArray()) return "buffers must be a list";
  const Napi::Array list = value.As<Napi::Array>();
  if (list.Length() > max) return "too many buffers";
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value item = list.Get(i);
    if (!item.IsTypedArray()) return "a buffer is not a typed array";
    const Napi::TypedArray array = item.As<Napi::TypedArray>();
    if (array.TypedArrayType() != napi_uint8_array) return "a buffer is not a Uint8Array";
    buffers[i].data = array.As<Napi::Uint8Array>().Data();
    buffers[i].bytes = array.ByteLength();
    if (reinterpret_cast<uintptr_t>(buffers[i].data) % sizeof(float) != 0 && buffers[i].bytes > 0) {
      return "a buffer is not aligned to 4 bytes";
    }
  }
  return nullptr;
}

}  // namespace

const char *read_task(const Napi::CallbackInfo &info, size_t first, kadre_task *task) {
  Buffer inputs[KADRE_INPUTS_MAX], outputs[KADRE_OUTPUTS_MAX];
  *task = {};
  if (info.Length() < first + 4 || !info[first].IsNumber()) return "four arguments are needed";
  task->kernel = info[first].As<Napi::Number>().Uint32Value();
  const char *problem = read_extents(info[first + 1], task);
  if (problem == nullptr) problem = read_buffers(info[first + 2], KADRE_INPUTS_MAX, inputs);
  if (problem == nullptr) problem = read_buffers(info[first + 3], KADRE_OUTPUTS_MAX, outputs);
  if (problem != nullptr) return problem;
  for (int i = 0; i < KADRE_INPUTS_MAX; i++) {
    task->inputs[i] = inputs[i].data;
    task->input_bytes[i] = inputs[i].bytes;
  }
  for (int i = 0; i < KADRE_OUTPUTS_MAX; i++) task->outputs[i] = outputs[i].data;
  switch (task->kernel) {
    case KADRE_NOOP:
      return outputs[0].bytes == task->extents[0] ? nullptr : "out has the wrong length";
    case KADRE_GEMM_F32:
      return check_gemm(*task, inputs, outputs);
    case KADRE_MANDELBROT:
      return check_mandelbrot(*task, inputs, outputs);
    case KADRE_MONTECARLO_EUROPEAN:
      return check_montecarlo(*task, inputs, outputs);
    case KADRE_SHA256_SEARCH:
      return check_search(*task, inputs, outputs);
    case KADRE_MAP:
      return check_map(*task, inputs, outputs);
    case KADRE_REDUCE:
      return check_reduce(*task, inputs, outputs);
    default:
      return "unknown kernel";
  }
}

}  // namespace kadre
