/*
 * What a backend is to the addon: a name, a reason why it cannot be used here, and a way to run one
 * part of one kernel call. Plain C, so that a CUDA backend or another compiler's object file fits
 * behind it (docs/protocol/kernel.md, "Native interface"). Nothing may throw across it.
 */
#ifndef KADRE_BACKEND_H
#define KADRE_BACKEND_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers of the kernels inside the addon; the bindings in src/compute/kernels name the same. */
enum kadre_kernel {
  KADRE_NOOP = 0, /* extents: bytes; output: bytes of zeros */
  /* extents: rows, columns, k, lda, ldb; inputs a, b; output c, ldc = columns */
  KADRE_GEMM_F32 = 1,
  KADRE_MANDELBROT = 2,          /* see cpu/mandelbrot.h */
  KADRE_MONTECARLO_EUROPEAN = 3, /* see cpu/montecarlo.h */
  KADRE_SHA256_SEARCH = 4,       /* see cpu/sha256-search.h */
  KADRE_MAP = 5,                 /* see cpu/map.h */
  KADRE_REDUCE = 6               /* see cpu/reduce.h */
};

/* Values that a program of `map@1` may hold at once. */
#define KADRE_MAP_SLOTS_MAX 64

#define KADRE_EXTENTS_MAX 8
#define KADRE_INPUTS_MAX 8
#define KADRE_OUTPUTS_MAX 4

/* One kernel call. Buffers are the caller's, aligned to their element, not overlapping. */
struct kadre_task {
  uint32_t kernel;
  uint64_t extents[KADRE_EXTENTS_MAX];
  const void *inputs[KADRE_INPUTS_MAX];
  uint64_t input_bytes[KADRE_INPUTS_MAX];
  void *outputs[KADRE_OUTPUTS_MAX];
};

struct kadre_backend {
  /* As adverts name it: "cpu/avx2". */
  const char *name;
  /*
   * NULL when this backend works here, else a stable kebab-case reason. Called once, and only on a
   * processor that has the instructions this file was compiled for.
   */
  const char *(*probe)(void);
  /*
   * Into how many parts, at most `threads`, this call is worth cutting; >= 1. `self` is this
   * structure: a backend with devices keeps them behind it.
   */
  uint32_t (*parts)(const struct kadre_backend *self, const struct kadre_task *task,
                    uint32_t threads);
  /* Runs one part on the calling thread; parts write disjoint outputs. NULL, or a reason. */
  const char *(*run)(const struct kadre_backend *self, const struct kadre_task *task, uint32_t part,
                     uint32_t parts);
};

/* Best first in the addon's table (napi/addon.cc); a variant that was not compiled is absent. */
extern const struct kadre_backend kadre_cpu_generic;
#ifdef KADRE_HAVE_AVX2
extern const struct kadre_backend kadre_cpu_avx2;
#endif
#ifdef KADRE_HAVE_AVX512
extern const struct kadre_backend kadre_cpu_avx512;
#endif

#ifdef __cplusplus
}
#endif

#endif
