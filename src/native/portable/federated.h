/*
 * What happens to one coordinate of a federated round, in integers: division with halves up and the
 * optimisers' steps (docs/protocol/federated-rules.md, sections 6 and 8). Host and device code; the
 * reference is src/federated/rule/apply.ts and src/federated/optimiser.
 */
#ifndef KADRE_PORTABLE_FEDERATED_H
#define KADRE_PORTABLE_FEDERATED_H

#include "math.h"

#define KADRE_ELEMENT_MAX 2147483647ll
#define KADRE_STEP_MAX ((1ll << 26) - 1)
#define KADRE_VARIANCE_MAX ((1ll << 52) - 1)

/* floor(a / b), b >= 1. */
KADRE_HD int64_t kadre_floor_div(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - (a - quotient * b < 0);
}

/* floor((2 sum + total) / (2 total)), |sum| <= 2^61, 1 <= total <= 2^30. */
KADRE_HD int64_t kadre_div_half_up(int64_t sum, int64_t total) {
  return kadre_floor_div(2 * sum + total, 2 * total);
}

KADRE_HD int64_t kadre_clamp_element(int64_t value) {
  if (value > KADRE_ELEMENT_MAX) return KADRE_ELEMENT_MAX;
  return value < -KADRE_ELEMENT_MAX ? -KADRE_ELEMENT_MAX : value;
}

/* floor((a rate + 2^19) / 2^20); rates and decays are in units of 2^-20. */
KADRE_HD int64_t kadre_scale(int64_t a, int64_t rate) {
  return (a * rate + (1 << 19)) >> 20;
}

/* The same for 0 <= a < 2^52, in the two halves that the page defines it by. */
KADRE_HD int64_t kadre_scale_wide(int64_t a, int64_t rate) {
  const int64_t high = a >> 26, low = a & ((1 << 26) - 1);
  return high * rate * 64 + ((low * rate + (1 << 19)) >> 20);
}

/* Largest s with s^2 <= x, 0 <= x < 2^52: the root in binary64 is off by one at most. */
KADRE_HD int64_t kadre_integer_root(int64_t x) {
  int64_t s = (int64_t)sqrt((double)x);
  while (s * s > x) s--;
  while ((s + 1) * (s + 1) <= x) s++;
  return s;
}

/* An optimiser in the plan's units; `kind` as in enum kadre_optimiser. */
struct kadre_optimiser_settings {
  uint32_t kind;
  int64_t rate, decay;
  int64_t beta1, beta2, tau;
};

enum kadre_optimiser { KADRE_FEDAVG = 0, KADRE_NESTEROV = 1, KADRE_FEDADAM = 2, KADRE_FEDYOGI = 3 };

/* Rows of the state for each kind (docs/protocol/federated-round.md, section 4). */
KADRE_HD uint32_t kadre_state_rows(uint32_t kind) {
  return kind == KADRE_FEDAVG ? 2 : kind == KADRE_NESTEROV ? 3 : 5;
}

/* Reddi et al. 2021, algorithm 2: no bias correction. */
KADRE_HD void kadre_adaptive_step(const struct kadre_optimiser_settings *by, const int32_t *state,
                                  uint64_t stride, int64_t aggregate, int32_t *out) {
  const int64_t one = 1 << 20;
  const int64_t step = aggregate > KADRE_STEP_MAX    ? KADRE_STEP_MAX
                       : aggregate < -KADRE_STEP_MAX ? -KADRE_STEP_MAX
                                                     : aggregate;
  const int64_t squared = step * step, fresh = kadre_scale_wide(squared, one - by->beta2);
  const int64_t v = (int64_t)state[3 * stride] * (1 << 26) + state[4 * stride];
  int64_t next;
  if (by->kind == KADRE_FEDYOGI) {
    next = v > squared ? v - fresh : v < squared ? v + fresh : v;
  } else {
    next = kadre_scale_wide(v, by->beta2) + fresh;
  }
  next = next < 0 ? 0 : next > KADRE_VARIANCE_MAX ? KADRE_VARIANCE_MAX : next;
  const int64_t m =
      kadre_scale(state[2 * stride], by->beta1) + kadre_scale(step, one - by->beta1);
  const int64_t change = kadre_div_half_up(m * by->rate, kadre_integer_root(next) + by->tau);
  out[0] = (int32_t)kadre_clamp_element(state[0] + change);
  out[stride] = (int32_t)aggregate;
  out[2 * stride] = (int32_t)m;
  out[3 * stride] = (int32_t)(next >> 26);
  out[4 * stride] = (int32_t)(next & ((1 << 26) - 1));
}

/* One coordinate: its entry of row r stands at state[r * stride]; the same of `out`. */
KADRE_HD void kadre_optimiser_step(const struct kadre_optimiser_settings *by, const int32_t *state,
                                   uint64_t stride, int32_t aggregate, int32_t *out) {
  if (by->kind >= KADRE_FEDADAM) {
    kadre_adaptive_step(by, state, stride, aggregate, out);
    return;
  }
  int64_t ahead = aggregate;
  if (by->kind == KADRE_NESTEROV) {
    const int64_t m =
        kadre_clamp_element(kadre_scale(state[2 * stride], by->decay) + aggregate);
    ahead = kadre_clamp_element(aggregate + kadre_scale(m, by->decay));
    out[2 * stride] = (int32_t)m;
  }
  out[0] = (int32_t)kadre_clamp_element(state[0] + kadre_scale(ahead, by->rate));
  out[stride] = aggregate;
}

#endif
