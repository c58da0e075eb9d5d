/*
 * `montecarlo.european@1`, blocks first..end. A group is 1024 paths: 256 counters side by side give
 * four rows of 256 paths, and lane l of the sums takes path l of every row.
 */
const uint64_t GROUP = 4 * LANES;

/* Sums of one chunk of at most 4096 paths: of payoffs, and of their squares. */
void montecarlo_chunk(kadre_option option, const uint32_t key[2], uint32_t block,
                      uint32_t first_counter, uint64_t paths, float sums[2]) {
  uint32_t word[4][LANES];
  float payoff[LANES], sum[LANES], squares[LANES];
  for (uint64_t at = 0; at < paths; at += LANES) {
    const uint64_t row = at % GROUP / LANES;
    if (row == 0) {
      const uint32_t counter = first_counter + (uint32_t)(at / 4);
      for (uint32_t l = 0; l < LANES; l++) {
        const kadre_philox_words random =
            kadre_philox({counter + l, block, 0, 0}, key[0], key[1]);
        word[0][l] = random.w0;
        word[1][l] = random.w1;
        word[2][l] = random.w2;
        word[3][l] = random.w3;
      }
    }
    for (uint64_t l = 0; l < LANES; l++) payoff[l] = kadre_payoff(option, word[row][l]);
    if (at == 0) {
      for (uint64_t l = 0; l < LANES; l++) sum[l] = payoff[l];
      for (uint64_t l = 0; l < LANES; l++) squares[l] = payoff[l] * payoff[l];
      continue;
    }
    const uint64_t rest = paths - at < LANES ? paths - at : LANES;
    for (uint64_t l = 0; l < rest; l++) sum[l] = sum[l] + payoff[l];
    for (uint64_t l = 0; l < rest; l++) squares[l] = squares[l] + payoff[l] * payoff[l];
  }
  const uint64_t present = paths < LANES ? paths : LANES;
  sums[0] = fold_lanes(sum, present, Add());
  sums[1] = fold_lanes(squares, present, Add());
}

/* extents: blocks, first block, paths of a block (at most 4096 chunks), seed; input: the option */
const char *montecarlo_blocks(const kadre_task *task, uint64_t first, uint64_t end) {
  const uint64_t first_block = task->extents[1], paths = task->extents[2];
  const uint32_t key[2] = {(uint32_t)task->extents[3], (uint32_t)(task->extents[3] >> 32)};
  const float *given = static_cast<const float *>(task->inputs[0]);
  const kadre_option option = {given[0], given[1], given[2], given[3]};
  float *out = static_cast<float *>(task->outputs[0]);
  float sums[CHUNK], squares[CHUNK];
  for (uint64_t block = first; block < end; block++) {
    uint64_t chunks = 0;
    for (uint64_t at = 0; at < paths; at += CHUNK) {
      const uint64_t count = paths - at < CHUNK ? paths - at : CHUNK;
      float chunk[2];
      montecarlo_chunk(option, key, (uint32_t)(first_block + block), (uint32_t)(at / 4), count,
                       chunk);
      sums[chunks] = chunk[0];
      squares[chunks++] = chunk[1];
    }
    out[2 * block] = kadre_canonical(fold_chunk(sums, chunks, Add()));
    out[2 * block + 1] = kadre_canonical(fold_chunk(squares, chunks, Add()));
  }
  return nullptr;
}
