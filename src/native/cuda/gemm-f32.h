/*
 * The matrix product of the numeric contract (docs/protocol/numeric-contract.md, "Matrix product")
 * for a device: each element is one chain of fused multiply-adds with k ascending, kept in one
 * register. Compiled by nvcc and clang for GPUs and by the host compiler for the fake driver, so it
 * uses nothing but barriers, shared memory and operations named by their rounding.
 *
 * Blocking: a thread owns 8 x 8 elements as four 4 x 4 quads, a warp 4 x 8 threads and so 32 x 64
 * elements, which makes every read of shared memory a 16-byte one without bank conflicts. Tiles of
 * 8 in k are double-buffered: the next one travels from global memory to registers while this one
 * is computed. Padding in k is loaded at most and never executed.
 *
 * Rows of a, b and c begin at multiples of 16 bytes (lda, ldb, ldc are multiples of 4), and what
 * lies between the last element and the next row may be read and, in c, written.
 */
#ifndef KADRE_CUDA_GEMM_F32_H
#define KADRE_CUDA_GEMM_F32_H

namespace gemm_f32 {

typedef unsigned long long u64;

/* k of one tile. */
constexpr int TILE_K = 8;
/* Row tiles that share their columns of b while these are in the second-level cache. */
constexpr unsigned GROUP = 8;

struct Operands {
  const float *a, *b;
  float *c;
  unsigned m, n, k, lda, ldb, ldc;
};

template <int WARPS_M, int WARPS_N>
struct Blocking {
  static constexpr int ROWS = WARPS_M * 32;
  static constexpr int COLUMNS = WARPS_N * 64;
  static constexpr int THREADS = WARPS_M * WARPS_N * 32;
  /* Four more than the rows: the transposing stores of one warp then fall into different banks. */
  static constexpr int PITCH = ROWS + 4;
  static constexpr int A_LOADS = ROWS * TILE_K / 4 / THREADS;
  static constexpr int B_LOADS = COLUMNS * TILE_K / 4 / THREADS;

  /* One tile of k; a block has two. */
  struct alignas(16) Panels {
    float a[TILE_K][PITCH];
    float b[TILE_K][COLUMNS];
  };
};

/* 16 bytes in one access. */
__device__ __forceinline__ void load4(float (&to)[4], const float *from) {
  const float4 four = *reinterpret_cast<const float4 *>(from);
  to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}

__device__ __forceinline__ void store4(float *to, const float (&from)[4]) {
  *reinterpret_cast<float4 *>(to) = make_float4(from[0], from[1], from[2], from[3]);
}

/* Where one thread reads the next tile from, and the part of it that it carries. */
template <class B>
struct Courier {
  const float *from_a[B::A_LOADS], *from_b[B::B_LOADS];
  u64 b_stride;
  float a[B::A_LOADS][4] = {}, b[B::B_LOADS][4] = {};

  /* Past the last row or column it reads that one again: the surplus is computed, never stored. */
  __device__ __forceinline__ Courier(const Operands &x, unsigned row, unsigned column)
      : b_stride((u64)x.ldb * TILE_K) {
#pragma unroll
    for (int i = 0; i < B::A_LOADS; i++) {
      const unsigned at = threadIdx.x + i * B::THREADS;
      const unsigned r = row + at / (TILE_K / 4);
      from_a[i] = x.a + (u64)(r < x.m ? r : x.m - 1) * x.lda + at % (TILE_K / 4) * 4;
    }
#pragma unroll
    for (int i = 0; i < B::B_LOADS; i++) {
      const unsigned at = threadIdx.x + i * B::THREADS;
      const unsigned r = column + at % (B::COLUMNS / 4) * 4;
      from_b[i] = x.b + (u64)(at / (B::COLUMNS / 4)) * x.ldb + (r < x.n ? r : (x.n - 1) / 4 * 4);
    }
  }

  /* Steps of k from `steps` on do not exist and are not read. */
  __device__ __forceinline__ void fetch(unsigned steps) {
#pragma unroll
    for (int i = 0; i < B::A_LOADS; i++) {
      const unsigned q = (threadIdx.x + i * B::THREADS) % (TILE_K / 4) * 4;
      if (q < steps) load4(a[i], from_a[i]);
      from_a[i] += TILE_K;
    }
#pragma unroll
    for (int i = 0; i < B::B_LOADS; i++) {
      const unsigned q = (threadIdx.x + i * B::THREADS) / (B::COLUMNS / 4);
      if (q < steps) load4(b[i], from_b[i]);
      from_b[i] += b_stride;
    }
  }

  /* a is transposed on the way, so that a thread's four rows lie side by side. */
  __device__ __forceinline__ void unpack(typename B::Panels &panels) const {
#pragma unroll
    for (int i = 0; i < B::A_LOADS; i++) {
      const unsigned at = threadIdx.x + i * B::THREADS;
      const unsigned r = at / (TILE_K / 4), q = at % (TILE_K / 4) * 4;
#pragma unroll
      for (int j = 0; j < 4; j++) panels.a[q + j][r] = a[i][j];
    }
#pragma unroll
    for (int i = 0; i < B::B_LOADS; i++) {
      const unsigned at = threadIdx.x + i * B::THREADS;
      const unsigned q = at / (B::COLUMNS / 4), r = at % (B::COLUMNS / 4) * 4;
      store4(&panels.b[q][r], b[i]);
    }
  }
};

/* One step of every chain: acc = fma(a, b, acc). */
template <class B>
__device__ __forceinline__ void step(const typename B::Panels &panels, unsigned q,
                                     const unsigned (&at)[2], float (&acc)[8][2][4]) {
  float a[2][4], b[2][4];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    load4(a[half], &panels.a[q][at[0] + half * 16]);
    load4(b[half], &panels.b[q][at[1] + half * 32]);
  }
#pragma unroll
  for (int i = 0; i < 8; i++) {
#pragma unroll
    for (int j = 0; j < 8; j++) {
      acc[i][j / 4][j % 4] = __fmaf_rn(a[i / 4][i % 4], b[j / 4][j % 4], acc[i][j / 4][j % 4]);
    }
  }
}

/* Every NaN that leaves a kernel has the same bits. */
__device__ __forceinline__ float stored(float value) {
  return value == value ? value : __int_as_float(0x7fc00000);
}

__device__ __forceinline__ void store(const Operands &x, unsigned row, unsigned column,
                                      const float (&acc)[8][2][4]) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    const unsigned r = row + i / 4 * 16 + i % 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const unsigned at = column + half * 32;
      if (r >= x.m || at >= x.n) continue;
      const float(&from)[4] = acc[i][half];
      store4(x.c + (u64)r * x.ldc + at,
             {stored(from[0]), stored(from[1]), stored(from[2]), stored(from[3])});
    }
  }
}

/* One block computes one tile of c; the grid has one block per tile. */
template <class B>
__device__ __forceinline__ void tile(const Operands &x, typename B::Panels (&panels)[2]) {
  const unsigned rows = (x.m + B::ROWS - 1) / B::ROWS;
  const unsigned columns = (x.n + B::COLUMNS - 1) / B::COLUMNS;
  /* Blocks in groups of GROUP row tiles, column by column: neighbours read the same b. */
  const unsigned group = blockIdx.x / (GROUP * columns), inside = blockIdx.x % (GROUP * columns);
  const unsigned height = rows - group * GROUP < GROUP ? rows - group * GROUP : GROUP;
  const unsigned row = (group * GROUP + inside % height) * B::ROWS;
  const unsigned column = inside / height * B::COLUMNS;

  constexpr int WARPS_N = B::COLUMNS / 64;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned at[2] = {warp / WARPS_N * 32 + lane / 8 * 4, warp % WARPS_N * 64 + lane % 8 * 4};

  float acc[8][2][4] = {};
  Courier<B> courier(x, row, column);
  unsigned tiles = x.k / TILE_K;
  const unsigned rest = x.k % TILE_K;
  courier.fetch(tiles > 0 ? TILE_K : rest);
  courier.unpack(panels[0]);
  __syncthreads();
  int buffer = 0;
  for (; tiles > 0; tiles--, buffer ^= 1) {
    courier.fetch(tiles > 1 ? TILE_K : rest);
#pragma unroll
    for (unsigned q = 0; q < TILE_K; q++) step<B>(panels[buffer], q, at, acc);
    /* After the last tile this fills a buffer of which at most `rest` steps are read. */
    courier.unpack(panels[buffer ^ 1]);
    __syncthreads();
  }
#pragma unroll 1
  for (unsigned q = 0; q < rest; q++) step<B>(panels[buffer], q, at, acc);
  store(x, row + at[0], column + at[1], acc);
}

}  // namespace gemm_f32

#endif
