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
  for (int i = 0; i < KADRE_INPUTS_MAX; i++) task->inputs[i] = inputs[i].data;
  for (int i = 0; i < KADRE_OUTPUTS_MAX; i++) task->outputs[i] = outputs[i].data;
  switch (task->kernel) {
    case KADRE_NOOP:
      return outputs[0].bytes == task->extents[0] ? nullptr : "out has the wrong length";
    case KADRE_GEMM_F32:
      return check_gemm(*task, inputs, outputs);
    default:
      return "unknown kernel";
  }
}

}  // namespace kadre
