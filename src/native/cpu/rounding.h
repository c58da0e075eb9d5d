/*
 * The numeric contract's ground on a CPU: is this code compiled and running so that every operation
 * is the IEEE one that was written? Included by every variant, because flags differ per file.
 */
#ifndef KADRE_CPU_ROUNDING_H
#define KADRE_CPU_ROUNDING_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "../portable/math.h"

/*
 * NULL when a product and a sum written apart stay two roundings and fmaf is one; volatile keeps
 * the compiler from answering at compile time. (1 + 2^-23)^2 - (1 + 2^-22) is 0 in two roundings
 * and 2^-46 in one. The last check sees a flush of subnormals.
 */
static inline const char *kadre_rounding_problem(void) {
  volatile float x = kadre_float(0x3f800001u), y = kadre_float(0xbf800002u);
  volatile float tiny = kadre_float(0x00000001u), one = 1.0f;
  float two_roundings = x * x + y;
  float one_rounding = __builtin_fmaf(x, x, y);
  float kept = tiny * one;
  if (two_roundings != 0.0f) return "fp-contraction";
  if (one_rounding != 0x1p-46f) return "fma-not-fused";
  if (kept == 0.0f) return "subnormals-flushed";
  return 0;
}

/*
 * Sets round to nearest, no flush, exceptions masked; restores what was there. Needed per call: one
 * foreign library linked with -ffast-math changes the mode of a whole process.
 */
#if defined(__x86_64__)
typedef unsigned int kadre_fp_mode;
static inline kadre_fp_mode kadre_fp_enter(void) {
  kadre_fp_mode saved = _mm_getcsr();
  _mm_setcsr(0x1f80);
  return saved;
}
static inline void kadre_fp_leave(kadre_fp_mode saved) { _mm_setcsr(saved); }
#elif defined(__aarch64__)
typedef uint64_t kadre_fp_mode;
static inline kadre_fp_mode kadre_fp_enter(void) {
  kadre_fp_mode saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
  return saved;
}
static inline void kadre_fp_leave(kadre_fp_mode saved) {
  __asm__ volatile("msr fpcr, %0" : : "r"(saved));
}
#else
typedef int kadre_fp_mode;
static inline kadre_fp_mode kadre_fp_enter(void) { return 0; }
static inline void kadre_fp_leave(kadre_fp_mode saved) { (void)saved; }
#endif

#endif
