/*
 * The words of CUDA that our kernels use, for clang without a CUDA toolkit (-nocudainc -nocudalib):
 * the device code of machines that have no nvcc, and the second opinion where there is one.
 */
#ifndef KADRE_CUDA_CLANG_LANGUAGE_H
#define KADRE_CUDA_CLANG_LANGUAGE_H

#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))

struct alignas(16) float4 {
  float x, y, z, w;
};

__device__ __forceinline__ float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

__device__ __forceinline__ float __fmaf_rn(float a, float b, float c) {
  return __nvvm_fma_rn_f(a, b, c);
}

__device__ __forceinline__ float __int_as_float(int bits) {
  return __builtin_bit_cast(float, bits);
}

/* Read like the variables of CUDA; a plain function could not be. */
struct KadreThread {
  __declspec(property(get = read)) unsigned x;
  __device__ static __forceinline__ unsigned read() { return __nvvm_read_ptx_sreg_tid_x(); }
};
struct KadreBlock {
  __declspec(property(get = read)) unsigned x;
  __device__ static __forceinline__ unsigned read() { return __nvvm_read_ptx_sreg_ctaid_x(); }
};
extern __device__ const KadreThread threadIdx;
extern __device__ const KadreBlock blockIdx;

#endif
