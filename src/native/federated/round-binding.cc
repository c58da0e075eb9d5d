/*
 * The loops of federated rounds as JavaScript functions: they return when they are done, and share
 * the work among threads of their own. src/compute/native-rounds.ts is the other side.
 */
#include <memory>
#include <vector>

#include "arguments.h"
#include "binding.h"
#include "leaves.h"
#include "parallel.h"

namespace kadre {
namespace {

/* Of one round, and the reference. */
const uint32_t VECTORS_MAX = 513;
const uint32_t THREADS_MAX = 1024;
const uint32_t SHARES_MAX = 1 << 30;

/* The vectors of a basis, as they came: `elements` integers, or blocks of as many. */
class Vectors {
 public:
  Vectors(Arguments &arguments, uint64_t elements) {
    const Napi::Array list = arguments.list(VECTORS_MAX);
    for (uint32_t i = 0; arguments.is_good() && i < list.Length(); i++) {
      const Napi::Value item = list.Get(i);
      held_.push_back(item.IsTypedArray() ? dense(arguments, item, elements)
                                          : blocks(arguments, item, elements));
    }
    arguments.require(!held_.empty(), "a basis has at least one vector");
    basis_ = {elements, (uint32_t)held_.size(), held_.data()};
  }

  const kadre_basis *basis() const { return &basis_; }

 private:
  static kadre_vector dense(Arguments &arguments, const Napi::Value &item, uint64_t elements) {
    uint64_t length;
    kadre_vector vector = {};
    vector.dense = arguments.array_of<int32_t>(item, napi_int32_array, &length);
    arguments.require(length == elements, "a vector has the wrong length");
    return vector;
  }

  static kadre_vector blocks(Arguments &arguments, const Napi::Value &item, uint64_t elements) {
    kadre_vector vector = {};
    arguments.require(item.IsObject(), "a vector is integers or blocks");
    if (!arguments.is_good()) return vector;
    const Napi::Object object = item.As<Napi::Object>();
    const Napi::Value log2 = object.Get("blockLog2"), bits = object.Get("bits");
    arguments.require(log2.IsNumber() && bits.IsNumber(), "blocks without a shape");
    if (!arguments.is_good()) return vector;
    vector.shape = {elements, log2.As<Napi::Number>().Uint32Value(),
                    bits.As<Napi::Number>().Uint32Value()};
    const kadre_blocks &shape = vector.shape;
    arguments.require(shape.block_log2 >= 4 && shape.block_log2 <= 16, "no blocks of this size");
    arguments.require((shape.bits >= 1 && shape.bits <= 4) || shape.bits == 8, "no such codes");
    if (!arguments.is_good()) return vector;
    uint64_t scale_bytes, value_bytes;
    const Napi::Value scales = object.Get("scales"), values = object.Get("values");
    vector.scales = arguments.array_of<uint8_t>(scales, napi_uint8_array, &scale_bytes);
    vector.values = arguments.array_of<uint8_t>(values, napi_uint8_array, &value_bytes);
    const uint64_t count = (elements + (1ull << shape.block_log2) - 1) >> shape.block_log2;
    arguments.require(scale_bytes == 2 * count, "scales have the wrong length");
    arguments.require(value_bytes == (elements * shape.bits + 7) / 8, "values are too few or many");
    return vector;
  }

  std::vector<kadre_vector> held_;
  kadre_basis basis_;
};

/* What every loop over vectors is told first: (variant, threads, elements, vectors). */
struct Order {
  explicit Order(Arguments &arguments)
      : rounds(arguments.variant().rounds),
        threads((uint32_t)arguments.integer(1, THREADS_MAX)),
        elements(arguments.integer(1, ELEMENTS_MAX)),
        vectors(arguments, elements) {}

  const kadre_rounds *const rounds;
  const uint32_t threads;
  const uint64_t elements;
  const Vectors vectors;
};

/* `work(range)` for pieces of 0..elements that fit the second-level cache several times. */
template <typename Work>
void in_ranges(uint32_t threads, uint64_t elements, const Work &work) {
  const uint64_t length = 16 * KADRE_RANGE_STEP;
  in_parallel(threads, (elements + length - 1) / length, [&](uint64_t piece) {
    const uint64_t from = piece * length, left = elements - from;
    work(kadre_range{from, from + (left < length ? left : length)});
  });
}

/* hashLeaves(threads, contents, digests): each list of digests has 32 bytes per leaf. */
Napi::Value hash_leaves(const Napi::CallbackInfo &info) {
  struct Leaf {
    const uint8_t *content;
    uint64_t bytes;
    uint8_t *digest;
  };
  Arguments arguments(info);
  const uint32_t threads = (uint32_t)arguments.integer(1, THREADS_MAX);
  const Napi::Array contents = arguments.list(VECTORS_MAX), digests = arguments.list(VECTORS_MAX);
  arguments.require(contents.Length() == digests.Length(), "a list is too short");
  std::vector<Leaf> leaves;
  for (uint32_t i = 0; arguments.is_good() && i < contents.Length(); i++) {
    uint64_t bytes, room;
    const uint8_t *content = arguments.array_of<uint8_t>(contents.Get(i), napi_uint8_array, &bytes);
    uint8_t *digest = arguments.array_of<uint8_t>(digests.Get(i), napi_uint8_array, &room);
    const uint64_t count = bytes == 0 ? 1 : (bytes + LEAF_BYTES - 1) / LEAF_BYTES;
    arguments.require(room == count * DIGEST_BYTES, "digests have the wrong length");
    for (uint64_t leaf = 0; arguments.is_good() && leaf < count; leaf++) {
      const uint64_t at = leaf * LEAF_BYTES, left = bytes - at;
      leaves.push_back(
          {content + at, left < LEAF_BYTES ? left : LEAF_BYTES, digest + leaf * DIGEST_BYTES});
    }
  }
  if (arguments.failed()) return info.Env().Undefined();
  in_parallel(threads, leaves.size(), [&](uint64_t i) {
    hash_leaf(leaves[i].content, leaves[i].bytes, leaves[i].digest);
  });
  return info.Env().Undefined();
}

/* checkBlocks(variant, threads, elements, vectors): of each null, or why it is not one. */
Napi::Value check_blocks(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const Order order(arguments);
  if (arguments.failed()) return info.Env().Undefined();
  const kadre_basis *basis = order.vectors.basis();
  std::vector<const char *> problems(basis->count);
  in_parallel(order.threads, basis->count, [&](uint64_t i) {
    const kadre_vector &vector = basis->vectors[i];
    problems[i] = vector.dense != nullptr ? nullptr : order.rounds->check_blocks(&vector);
  });
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env, problems.size());
  for (uint32_t i = 0; i < problems.size(); i++) {
    list.Set(i, problems[i] == nullptr ? env.Null() : Napi::String::New(env, problems[i]));
  }
  return list;
}

/* gram(variant, threads, elements, vectors, words): two words per block and pair. */
Napi::Value gram(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const Order order(arguments);
  uint64_t words;
  uint64_t *out = arguments.array<uint64_t>(napi_biguint64_array, &words);
  const kadre_basis *basis = order.vectors.basis();
  const uint64_t blocks = (order.elements + KADRE_GRAM_BLOCK - 1) / KADRE_GRAM_BLOCK;
  const uint64_t per_block = (uint64_t)basis->count * (basis->count + 1);
  arguments.require(words == blocks * per_block, "sums have the wrong length");
  if (arguments.failed()) return info.Env().Undefined();
  in_parallel(order.threads, blocks, [&](uint64_t block) {
    order.rounds->gram_block(basis, block, out + block * per_block);
  });
  return info.Env().Undefined();
}

/* Rows one after another as whole numbers that add up to at most `total`. */
std::vector<uint32_t> read_shares(Arguments &arguments, uint32_t vectors, uint32_t total) {
  uint64_t length;
  const double *numbers = arguments.array<double>(napi_float64_array, &length);
  std::vector<uint32_t> shares(length);
  arguments.require(length > 0 && length % vectors == 0, "rows have the wrong length");
  for (uint64_t at = 0; arguments.is_good() && at < length; at += vectors) {
    uint64_t sum = 0;
    for (uint64_t a = at; a < at + vectors; a++) {
      const bool is_share = numbers[a] >= 0 && numbers[a] <= total;
      arguments.require(is_share && numbers[a] == (double)(uint32_t)numbers[a], "no such share");
      if (!arguments.is_good()) break;
      shares[a] = (uint32_t)numbers[a];
      sum += shares[a];
    }
    arguments.require(sum <= total, "a row is more than its total");
  }
  return shares;
}

bool is_pick(uint32_t pick, uint32_t parameter, uint32_t rows) {
  if (pick == KADRE_PICK_TRIM) return 2 * parameter < rows;
  if (pick == KADRE_PICK_CLOSEST) return parameter >= 1 && parameter <= rows;
  return pick == KADRE_PICK_MEDIAN;
}

/* mix(variant, threads, elements, vectors, total, row, out) */
Napi::Value mix(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const Order order(arguments);
  if (arguments.failed()) return info.Env().Undefined();
  const kadre_basis *basis = order.vectors.basis();
  const uint32_t total = (uint32_t)arguments.integer(1, SHARES_MAX);
  const std::vector<uint32_t> shares = read_shares(arguments, basis->count, total);
  uint64_t room;
  int32_t *out = arguments.array<int32_t>(napi_int32_array, &room);
  arguments.require(shares.size() == basis->count, "one row is needed");
  arguments.require(room == order.elements, "out has the wrong length");
  if (arguments.failed()) return info.Env().Undefined();
  const kadre_rows rows = {1, shares.data(), total, 0, 0};
  in_ranges(order.threads, order.elements,
            [&](kadre_range range) { order.rounds->mix(basis, &rows, range, out); });
  return info.Env().Undefined();
}

/* sort(variant, threads, elements, vectors, total, rows, pick, parameter, out) */
Napi::Value sort(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const Order order(arguments);
  if (arguments.failed()) return info.Env().Undefined();
  const kadre_basis *basis = order.vectors.basis();
  const uint32_t total = (uint32_t)arguments.integer(1, SHARES_MAX);
  const std::vector<uint32_t> shares = read_shares(arguments, basis->count, total);
  const uint32_t pick = (uint32_t)arguments.integer(0, 2);
  const uint32_t parameter = (uint32_t)arguments.integer(0, VECTORS_MAX);
  uint64_t room;
  int32_t *out = arguments.array<int32_t>(napi_int32_array, &room);
  const uint32_t count = (uint32_t)(shares.size() / basis->count);
  arguments.require(is_pick(pick, parameter, count), "no such pick");
  arguments.require(room == order.elements, "out has the wrong length");
  if (arguments.failed()) return info.Env().Undefined();
  const kadre_rows rows = {count, shares.data(), total, pick, parameter};
  in_ranges(order.threads, order.elements,
            [&](kadre_range range) { order.rounds->sort(basis, &rows, range, out); });
  return info.Env().Undefined();
}

/* step(variant, threads, kind, [rate, decay, beta1, beta2, tau], state, aggregate, out) */
Napi::Value step(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  const kadre_rounds *rounds = arguments.variant().rounds;
  const uint32_t threads = (uint32_t)arguments.integer(1, THREADS_MAX);
  const uint32_t kind = (uint32_t)arguments.integer(KADRE_FEDAVG, KADRE_FEDYOGI);
  uint64_t settings, cells, elements, room;
  const double *by = arguments.array<double>(napi_float64_array, &settings);
  const int32_t *state = arguments.array<int32_t>(napi_int32_array, &cells);
  const int32_t *aggregate = arguments.array<int32_t>(napi_int32_array, &elements);
  int32_t *out = arguments.array<int32_t>(napi_int32_array, &room);
  arguments.require(settings == 5, "five settings are needed");
  arguments.require(cells == elements * kadre_state_rows(kind), "state has the wrong length");
  arguments.require(room == cells, "out has the wrong length");
  for (uint64_t i = 0; arguments.is_good() && i < settings; i++) {
    arguments.require(by[i] >= 0 && by[i] <= (double)(1 << 25), "a setting is out of range");
  }
  arguments.require(settings == 5 && (kind < KADRE_FEDADAM || by[4] >= 1), "tau is at least 1");
  if (arguments.failed()) return info.Env().Undefined();
  const kadre_optimiser_settings optimiser = {
      kind, (int64_t)by[0], (int64_t)by[1], (int64_t)by[2], (int64_t)by[3], (int64_t)by[4]};
  in_ranges(threads, elements, [&](kadre_range range) {
    rounds->step(&optimiser, elements, state, aggregate, range, out);
  });
  return info.Env().Undefined();
}

}  // namespace

Napi::Object federated_rounds(Napi::Env env) {
  Napi::Object rounds = Napi::Object::New(env);
  rounds.Set("hashLeaves", Napi::Function::New<hash_leaves>(env));
  rounds.Set("checkBlocks", Napi::Function::New<check_blocks>(env));
  rounds.Set("gram", Napi::Function::New<gram>(env));
  rounds.Set("mix", Napi::Function::New<mix>(env));
  rounds.Set("sort", Napi::Function::New<sort>(env));
  rounds.Set("step", Napi::Function::New<step>(env));
  return rounds;
}

}  // namespace kadre
