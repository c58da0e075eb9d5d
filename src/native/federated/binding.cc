/*
 * The gradient codecs as JavaScript functions, on the calling thread. Every length is checked here,
 * so that the loops may trust their buffers; src/compute/native-codecs.ts is the other side.
 */
#include "binding.h"

#include "arguments.h"

namespace kadre {
namespace {

const uint32_t RANK_MAX = 32;

/* blockLog2, bits and the lengths that belong to them. */
kadre_blocks read_shape(Arguments &arguments) {
  const uint32_t block_log2 = (uint32_t)arguments.integer(4, 16);
  const uint32_t bits = (uint32_t)arguments.integer(1, 8);
  arguments.require(bits <= 4 || bits == 8, "no codes of so many bits");
  return {0, block_log2, bits};
}

void require_sections(Arguments &arguments, const kadre_blocks &shape, uint64_t scale_bytes,
                      uint64_t value_bytes) {
  const uint64_t blocks = (shape.count + (1ull << shape.block_log2) - 1) >> shape.block_log2;
  arguments.require(scale_bytes == 2 * blocks, "scales have the wrong length");
  const uint64_t packed = (shape.count * shape.bits + 7) / 8;
  arguments.require(value_bytes == packed, "values have the wrong length");
}

/* variants(): the names that work here, best first. */
Napi::Value variants(const Napi::CallbackInfo &info) {
  Napi::Array names = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (const Variant &variant : VARIANTS) {
    if (runs_here(variant)) names.Set(count++, variant.codecs->name);
  }
  return names;
}

/* firstNotFinite(variant, x) */
Napi::Value first_not_finite(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  uint64_t count;
  const float *x = arguments.array<float>(napi_float32_array, &count);
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), (double)variant->first_not_finite(x, count));
}

/* encodeBlocks(variant, blockLog2, bits, fractionBits, x, scales, values) */
Napi::Value encode_blocks(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  kadre_blocks shape = read_shape(arguments);
  const uint32_t fraction_bits = (uint32_t)arguments.integer(0, 30);
  uint64_t scale_bytes, value_bytes;
  const float *x = arguments.array<float>(napi_float32_array, &shape.count);
  uint8_t *scales = arguments.array<uint8_t>(napi_uint8_array, &scale_bytes);
  uint8_t *values = arguments.array<uint8_t>(napi_uint8_array, &value_bytes);
  require_sections(arguments, shape, scale_bytes, value_bytes);
  if (arguments.failed()) return info.Env().Undefined();
  const ExactFloats exact;
  variant->encode_blocks(&shape, x, fraction_bits, scales, values);
  return info.Env().Undefined();
}

/* decodeBlocks(variant, blockLog2, bits, scales, values, out): null, or the reason. */
Napi::Value decode_blocks(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  kadre_blocks shape = read_shape(arguments);
  uint64_t scale_bytes, value_bytes;
  const uint8_t *scales = arguments.array<uint8_t>(napi_uint8_array, &scale_bytes);
  const uint8_t *values = arguments.array<uint8_t>(napi_uint8_array, &value_bytes);
  int32_t *out = arguments.array<int32_t>(napi_int32_array, &shape.count);
  require_sections(arguments, shape, scale_bytes, value_bytes);
  if (arguments.failed()) return info.Env().Undefined();
  const char *problem = variant->decode_blocks(&shape, scales, values, out);
  if (problem == nullptr) return info.Env().Null();
  return Napi::String::New(info.Env(), problem);
}

/* accumulateBlocks(variant, blockLog2, bits, weight, scales, values, sum): null, or the reason. */
Napi::Value accumulate_blocks(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  kadre_blocks shape = read_shape(arguments);
  const double weight = (double)arguments.integer(1, 1 << 20);
  uint64_t scale_bytes, value_bytes;
  const uint8_t *scales = arguments.array<uint8_t>(napi_uint8_array, &scale_bytes);
  const uint8_t *values = arguments.array<uint8_t>(napi_uint8_array, &value_bytes);
  double *sum = arguments.array<double>(napi_float64_array, &shape.count);
  require_sections(arguments, shape, scale_bytes, value_bytes);
  if (arguments.failed()) return info.Env().Undefined();
  const ExactFloats exact;
  const char *problem = variant->accumulate_blocks(&shape, weight, scales, values, sum);
  if (problem == nullptr) return info.Env().Null();
  return Napi::String::New(info.Env(), problem);
}

/* selectChunks(variant, chunkLog2, keep, x, out): how many; out holds keep per chunk. */
Napi::Value select_chunks(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  const uint32_t chunk_log2 = (uint32_t)arguments.integer(4, 16);
  const uint64_t keep = arguments.integer(1, 1 << 16);
  uint64_t count, room;
  const float *x = arguments.array<float>(napi_float32_array, &count);
  uint32_t *out = arguments.array<uint32_t>(napi_uint32_array, &room);
  const uint64_t chunks = (count + (1ull << chunk_log2) - 1) >> chunk_log2;
  arguments.require(room >= keep * chunks || room >= count, "out is too short");
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(),
                           (double)variant->select_chunks(x, count, chunk_log2, keep, out));
}

/* selectLargest(variant, k, x, out): how many. */
Napi::Value select_largest(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  const uint64_t k = arguments.integer(1, ELEMENTS_MAX);
  uint64_t count, room;
  const float *x = arguments.array<float>(napi_float32_array, &count);
  uint32_t *out = arguments.array<uint32_t>(napi_uint32_array, &room);
  arguments.require(room >= k || room >= count, "out is too short");
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), (double)variant->select_largest(x, count, k, out));
}

/* product(variant, transposed, rows, columns, rank, matrix, factor, out) */
Napi::Value product(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_codecs *variant = arguments.codecs();
  const bool transposed = arguments.integer(0, 1) == 1;
  const uint64_t rows = arguments.integer(1, ELEMENTS_MAX);
  const uint64_t columns = arguments.integer(1, ELEMENTS_MAX);
  const uint64_t rank = arguments.integer(1, RANK_MAX);
  uint64_t cells, factor_length, out_length;
  const float *matrix = arguments.array<float>(napi_float32_array, &cells);
  const float *factor = arguments.array<float>(napi_float32_array, &factor_length);
  float *out = arguments.array<float>(napi_float32_array, &out_length);
  arguments.require(cells == rows * columns, "the matrix has the wrong length");
  arguments.require(factor_length == rank * (transposed ? rows : columns), "the factor is wrong");
  arguments.require(out_length == rank * (transposed ? columns : rows), "out is wrong");
  if (arguments.failed()) return info.Env().Undefined();
  const ExactFloats exact;
  const auto run = transposed ? variant->transposed_times_columns : variant->times_columns;
  run(matrix, rows, columns, rank, factor, out);
  return info.Env().Undefined();
}

}  // namespace

Napi::Object federated_codecs(Napi::Env env) {
  Napi::Object codecs = Napi::Object::New(env);
  codecs.Set("variants", Napi::Function::New<variants>(env));
  codecs.Set("firstNotFinite", Napi::Function::New<first_not_finite>(env));
  codecs.Set("encodeBlocks", Napi::Function::New<encode_blocks>(env));
  codecs.Set("decodeBlocks", Napi::Function::New<decode_blocks>(env));
  codecs.Set("accumulateBlocks", Napi::Function::New<accumulate_blocks>(env));
  codecs.Set("selectLargest", Napi::Function::New<select_largest>(env));
  codecs.Set("selectChunks", Napi::Function::New<select_chunks>(env));
  codecs.Set("product", Napi::Function::New<product>(env));
  return codecs;
}

}  // namespace kadre
