/*
 * The words of CUDA for the host's compiler: threads of a block are fibres on one stack each, and a
 * barrier is a switch to another fibre. Which thread runs next is drawn at random, so code that
 * needs a barrier it does not have gives other bits from run to run.
 */
#ifndef KADRE_FAKE_DEVICE_LANGUAGE_H
#define KADRE_FAKE_DEVICE_LANGUAGE_H

#include <math.h>
#include <string.h>

#define __device__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
/* One block runs at a time; the section lets the machine fill it with garbage in between. */
#define __shared__ static __attribute__((section("kadre_shared")))

struct alignas(16) float4 {
  float x, y, z, w;
};

struct FakeIndex {
  unsigned x;
};

extern FakeIndex threadIdx, blockIdx;
/* Yields to the block's other threads until all of them have come here. */
void __syncthreads();

inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }

inline float __int_as_float(int bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#endif
