/*
 * The payoff of one path of `montecarlo.european@1` (docs/protocol/kernels/montecarlo.european.md).
 */
#ifndef KADRE_PORTABLE_MONTECARLO_H
#define KADRE_PORTABLE_MONTECARLO_H

#include "philox.h"

/* As the binding computes them: spot and strike discounted, both negated for a put. */
struct kadre_option {
  float spot, strike, volatility, drift;
};

KADRE_HD float kadre_payoff(struct kadre_option option, uint32_t random) {
  const float growth = kadre_exp(fmaf(option.volatility, kadre_normal(random), option.drift));
  const float payoff = fmaf(option.spot, growth, -option.strike);
  return payoff > 0.0f ? payoff : 0.0f;
}

#endif
