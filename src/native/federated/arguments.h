/* Arguments of the functions that JavaScript calls, each checked before a loop sees it. */
#ifndef KADRE_FEDERATED_ARGUMENTS_H
#define KADRE_FEDERATED_ARGUMENTS_H

#include <napi.h>

#include <string>

#include "../cpu/rounding.h"
#include "codecs.h"
#include "rounds.h"

namespace kadre {

const uint64_t ELEMENTS_MAX = 1ull << 30;

/* The loops of one instruction set. */
struct Variant {
  const kadre_codecs *codecs;
  const kadre_rounds *rounds;
};

const Variant VARIANTS[] = {
#ifdef KADRE_HAVE_AVX512
    {&kadre_codecs_avx512, &kadre_rounds_avx512},
#endif
#ifdef KADRE_HAVE_AVX2
    {&kadre_codecs_avx2, &kadre_rounds_avx2},
#endif
    {&kadre_codecs_generic, &kadre_rounds_generic},
};

inline bool runs_here(const Variant &variant) {
#if defined(__x86_64__)
  const std::string name = variant.codecs->name;
  if (name == "avx512") return __builtin_cpu_supports("avx512f");
  if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  (void)variant;
  return true;
}

/* Arguments in order; the first that is wrong sets the problem and all later ones are empty. */
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo &info) : info_(info) {}

  const Variant &variant() {
    const Napi::Value value = next();
    if (value.IsString()) {
      const std::string name = value.As<Napi::String>().Utf8Value();
      for (const Variant &variant : VARIANTS) {
        if (name == variant.codecs->name && runs_here(variant)) return variant;
      }
    }
    problem_ = "no such variant works here";
    return VARIANTS[sizeof VARIANTS / sizeof VARIANTS[0] - 1];
  }

  const kadre_codecs *codecs() { return variant().codecs; }

  uint64_t integer(uint64_t min, uint64_t max) {
    const Napi::Value value = next();
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (number >= (double)min && number <= (double)max && number == (double)(uint64_t)number) {
      return (uint64_t)number;
    }
    problem_ = "a number is out of range";
    return min;
  }

  template <typename T>
  T *array(napi_typedarray_type type, uint64_t *length) {
    return array_of<T>(next(), type, length);
  }

  template <typename T>
  T *array_of(const Napi::Value &value, napi_typedarray_type type, uint64_t *length) {
    *length = 0;
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
      problem_ = "an array has the wrong type";
      return nullptr;
    }
    Napi::TypedArrayOf<T> list = value.As<Napi::TypedArrayOf<T>>();
    *length = list.ElementLength();
    if (*length > ELEMENTS_MAX) problem_ = "an array is too long";
    return list.Data();
  }

  /* At most `max` items. */
  Napi::Array list(uint32_t max) {
    const Napi::Value value = next();
    if (!value.IsArray()) {
      problem_ = "a list is needed";
      return Napi::Array::New(info_.Env());
    }
    require(value.As<Napi::Array>().Length() <= max, "a list is too long");
    return value.As<Napi::Array>();
  }

  void require(bool condition, const char *problem) {
    if (!condition && problem_ == nullptr) problem_ = problem;
  }

  bool is_good() const { return problem_ == nullptr; }

  bool failed() const {
    if (problem_ == nullptr) return false;
    Napi::TypeError::New(info_.Env(), problem_).ThrowAsJavaScriptException();
    return true;
  }

 private:
  Napi::Value next() {
    return at_ < info_.Length() ? info_[at_++] : info_.Env().Undefined();
  }

  const Napi::CallbackInfo &info_;
  size_t at_ = 0;
  const char *problem_ = nullptr;
};

/* Round to nearest and no flush, whatever another library of the process has set. */
class ExactFloats {
 public:
  ExactFloats() : saved_(kadre_fp_enter()) {}
  ~ExactFloats() { kadre_fp_leave(saved_); }

 private:
  const kadre_fp_mode saved_;
};

}  // namespace kadre

#endif
