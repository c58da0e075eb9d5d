/*
 * The SHA-256 compression function (FIPS 180-4) over a word type: uint32_t, or a vector of them
 * that compresses as many blocks side by side.
 */
#ifndef KADRE_PORTABLE_SHA256_H
#define KADRE_PORTABLE_SHA256_H

#include "math.h"

static const uint32_t KADRE_SHA256_START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint32_t KADRE_SHA256_ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

template <class Word>
KADRE_HD Word kadre_rotate(Word x, int count) {
  return (x >> count) | (x << (32 - count));
}

/* `block` is used up. */
template <class Word>
KADRE_HD void kadre_sha256_compress(Word state[8], Word block[16]) {
  Word a = state[0], b = state[1], c = state[2], d = state[3];
  Word e = state[4], f = state[5], g = state[6], h = state[7];
#pragma GCC unroll 64
  for (int t = 0; t < 64; t++) {
    if (t >= 16) {
      const Word w15 = block[(t + 1) & 15], w2 = block[(t + 14) & 15];
      block[t & 15] += (kadre_rotate(w15, 7) ^ kadre_rotate(w15, 18) ^ (w15 >> 3)) +
                       block[(t + 9) & 15] +
                       (kadre_rotate(w2, 17) ^ kadre_rotate(w2, 19) ^ (w2 >> 10));
    }
    const Word sum1 = kadre_rotate(e, 6) ^ kadre_rotate(e, 11) ^ kadre_rotate(e, 25);
    const Word choice = g ^ (e & (f ^ g));
    const Word t1 = h + sum1 + choice + KADRE_SHA256_ROUND[t] + block[t & 15];
    const Word sum0 = kadre_rotate(a, 2) ^ kadre_rotate(a, 13) ^ kadre_rotate(a, 22);
    const Word majority = (a & b) | (c & (a | b));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + sum0 + majority;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

#endif
