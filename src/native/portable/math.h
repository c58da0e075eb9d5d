/*
 * Arithmetic shared by host and device code, built of the numeric contract's named operations only
 * (docs/protocol/numeric-contract.md): exp, log and the inverse normal distribution function, and
 * the rules for minimum and maximum. Every operation and its order is part of a kernel's meaning;
 * the same ones stand in src/compute/reference/math.ts.
 *
 * Compile with contraction off (-ffp-contract=off, nvcc -fmad=false): fma is written where meant.
 */
#ifndef KADRE_PORTABLE_MATH_H
#define KADRE_PORTABLE_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef KADRE_HD
#if defined(__CUDACC__) || defined(__CUDA__)
#define KADRE_HD static inline __host__ __device__
#else
#define KADRE_HD static inline
#endif
#endif

KADRE_HD uint32_t kadre_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

KADRE_HD float kadre_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Every NaN that a kernel stores has these bits. */
KADRE_HD float kadre_canonical(float value) {
  return value == value ? value : kadre_float(0x7fc00000u);
}

/* IEEE 754-2019 minimum: NaN if either is, -0 below +0 (equal zeros: or keeps a sign bit). */
KADRE_HD float kadre_min(float a, float b) {
  float least = b < a ? b : a;
  least = a == b ? kadre_float(kadre_bits(a) | kadre_bits(b)) : least;
  return b == b ? least : b;
}

KADRE_HD float kadre_max(float a, float b) {
  float most = a < b ? b : a;
  most = a == b ? kadre_float(kadre_bits(a) & kadre_bits(b)) : most;
  return b == b ? most : b;
}

/* 1.5 x 2^23: adding it rounds to a whole number, which the low bits then hold. */
#define KADRE_ROUNDER 12582912.0f

/* e^x for -87 <= x <= 88, other x taken as the nearer bound; within 1.2 ulp. Not for NaN. */
KADRE_HD float kadre_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifted = fmaf(x, 1.4426950216293335f, KADRE_ROUNDER);
  const float n = shifted - KADRE_ROUNDER;
  float r = fmaf(n, -0.693359375f, x);
  r = fmaf(n, 0.00021219444170128554f, r);
  float p = 0.0013941393699496984f;
  p = fmaf(p, r, 0.008363335393369198f);
  p = fmaf(p, r, 0.04166637361049652f);
  p = fmaf(p, r, 0.16666576266288757f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p * r, r, r) + 1.0f;
  /* -126 <= n <= 127: 2^n is a normal number. */
  return p * kadre_float((kadre_bits(shifted) - 0x4b400000u + 127u) << 23);
}

/* ln x for positive normal x; within 1 ulp, and exactly 0 at 1. */
KADRE_HD float kadre_log(float x) {
  /* x = 2^n (1 + f), 1 + f in [0.707, 1.414): 0x3f3504f3 is the binary32 below sqrt(1/2). */
  const uint32_t offset = kadre_bits(x) - 0x3f3504f3u;
  const float n = (float)((int32_t)offset >> 23);
  const float f = kadre_float((offset & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float p = 0.06921885162591934f;
  p = fmaf(p, f, -0.1178240105509758f);
  p = fmaf(p, f, 0.118656687438488f);
  p = fmaf(p, f, -0.12385322153568268f);
  p = fmaf(p, f, 0.14219924807548523f);
  p = fmaf(p, f, -0.16669225692749023f);
  p = fmaf(p, f, 0.20002150535583496f);
  p = fmaf(p, f, -0.24999986588954926f);
  p = fmaf(p, f, 0.3333331048488617f);
  const float square = f * f;
  p = fmaf(p * f, square, n * -0.00021219444170128554f);
  p = fmaf(-0.5f, square, p);
  return fmaf(n, 0.693359375f, p + f);
}

/*
 * A standard normal number from 32 random bits: the inverse distribution function at
 * ((bits >> 8) + 1/2) / 2^24, so between -5.4 and 5.4. With x = 2 u - 1 and w = -ln(1 - x^2) the
 * quotient of the function and x is smooth in w, and in sqrt(w) further out (Giles, "Approximating
 * the erfinv function", 2011); the coefficients are minimax fits of our own.
 */
KADRE_HD float kadre_normal(uint32_t bits) {
  const int32_t odd = (int32_t)((bits >> 8) * 2u + 1u) - 0x1000000;
  const float x = (float)odd * 0x1p-24f;
  const float w = -kadre_log(fmaf(-x, x, 1.0f));
  const float c = w - 2.5f;
  float centre = 3.384974078812775e-08f;
  centre = fmaf(centre, c, 4.849066499446053e-07f);
  centre = fmaf(centre, c, -4.909447852696758e-06f);
  centre = fmaf(centre, c, -6.204893452377291e-06f);
  centre = fmaf(centre, c, 0.00030883439467288554f);
  centre = fmaf(centre, c, -0.0017730511026456952f);
  centre = fmaf(centre, c, -0.005907778162509203f);
  centre = fmaf(centre, c, 0.34880268573760986f);
  centre = fmaf(centre, c, 2.1233134269714355f);
  const float t = sqrtf(w) - 3.0f;
  float tail = -0.00021032628137618303f;
  tail = fmaf(tail, t, 9.35871503315866e-05f);
  tail = fmaf(tail, t, 0.0018131614197045565f);
  tail = fmaf(tail, t, -0.005145002156496048f);
  tail = fmaf(tail, t, 0.00815765280276537f);
  tail = fmaf(tail, t, -0.01079374086111784f);
  tail = fmaf(tail, t, 0.013342728838324547f);
  tail = fmaf(tail, t, 1.4165819883346558f);
  tail = fmaf(tail, t, 4.006434440612793f);
  return (w < 5.0f ? centre : tail) * x;
}

#endif
