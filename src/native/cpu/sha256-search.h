/*
 * `sha256.search@1`, blocks first..end: one nonce per vector lane. The blocks of the message before
 * the nonce are compressed once; in the rest only the words that the nonce touches change.
 */
typedef uint32_t Words __attribute__((vector_size(VECTOR_BYTES)));

const uint64_t HASHES = VECTOR_BYTES / sizeof(uint32_t);

struct Message {
  /* After the whole blocks of the prefix. */
  uint32_t state[8];
  /* What follows, nonce bytes zero, padded. */
  uint32_t tail[32];
  uint64_t tail_blocks;
  /* Where in the tail the eight bytes of the nonce begin. */
  uint64_t nonce_at;
};

uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

Message message_of(const uint8_t *prefix, uint64_t bytes) {
  Message message;
  memcpy(message.state, KADRE_SHA256_START, sizeof message.state);
  uint32_t block[16];
  uint64_t at = 0;
  for (; at + 64 <= bytes; at += 64) {
    for (uint64_t i = 0; i < 16; i++) block[i] = big_endian(prefix + at + 4 * i);
    kadre_sha256_compress(message.state, block);
  }
  message.nonce_at = bytes - at;
  const uint64_t rest = message.nonce_at + 8;
  message.tail_blocks = rest + 9 <= 64 ? 1 : 2;
  uint8_t tail[128] = {0};
  memcpy(tail, prefix + at, message.nonce_at);
  tail[rest] = 0x80;
  const uint64_t bits = (bytes + 8) * 8;
  for (uint64_t i = 0; i < 8; i++) {
    tail[message.tail_blocks * 64 - 1 - i] = (uint8_t)(bits >> (8 * i));
  }
  for (uint64_t i = 0; i < 32; i++) message.tail[i] = big_endian(tail + 4 * i);
  return message;
}

/* The hashes of the nonces `first`, `first + 1`, ... */
void hash_nonces(const Message *message, uint64_t first, Words state[8]) {
  const Words zero = {0};
  Words low = zero, high = zero, tail[32];
  for (uint64_t i = 0; i < HASHES; i++) {
    low[i] = (uint32_t)(first + i);
    high[i] = (uint32_t)((first + i) >> 32);
  }
  for (uint64_t i = 0; i < 8; i++) state[i] = message->state[i] + zero;
  for (uint64_t i = 0; i < message->tail_blocks * 16; i++) tail[i] = message->tail[i] + zero;
  const uint64_t word = message->nonce_at / 4;
  const int shift = (int)(message->nonce_at % 4) * 8;
  tail[word] |= high >> shift;
  if (shift == 0) {
    tail[word + 1] |= low;
  } else {
    tail[word + 1] |= (high << (32 - shift)) | (low >> shift);
    tail[word + 2] |= low << (32 - shift);
  }
  for (uint64_t i = 0; i < message->tail_blocks; i++) kadre_sha256_compress(state, tail + 16 * i);
}

struct Lowest {
  uint32_t hash[8];
  uint64_t nonce;
};

/* Nonces come in ascending order: an equal hash does not replace the earlier one. */
void keep_lowest(Lowest *lowest, const Words state[8], uint64_t lane, uint64_t nonce) {
  for (uint64_t i = 0; i < 8; i++) {
    const uint32_t word = state[i][lane];
    if (word > lowest->hash[i]) return;
    if (word < lowest->hash[i]) break;
    if (i == 7) return;
  }
  for (uint64_t i = 0; i < 8; i++) lowest->hash[i] = state[i][lane];
  lowest->nonce = nonce;
}

Lowest search(const Message *message, uint64_t first, uint64_t count) {
  Lowest lowest;
  memset(&lowest, 0xff, sizeof lowest);
  for (uint64_t at = 0; at < count; at += HASHES) {
    Words state[8];
    hash_nonces(message, first + at, state);
    const uint64_t here = count - at < HASHES ? count - at : HASHES;
    for (uint64_t lane = 0; lane < here; lane++) {
      if (state[0][lane] <= lowest.hash[0]) keep_lowest(&lowest, state, lane, first + at + lane);
    }
  }
  return lowest;
}

/* extents: blocks, first nonce, nonces of a block; input: prefix; outputs: nonces, hashes */
const char *search_blocks(const kadre_task *task, uint64_t first, uint64_t end) {
  const uint64_t count = task->extents[2];
  const Message message =
      message_of(static_cast<const uint8_t *>(task->inputs[0]), task->input_bytes[0]);
  uint8_t *nonces = static_cast<uint8_t *>(task->outputs[0]);
  uint8_t *hashes = static_cast<uint8_t *>(task->outputs[1]);
  for (uint64_t block = first; block < end; block++) {
    const Lowest lowest = search(&message, task->extents[1] + block * count, count);
    memcpy(nonces + 8 * block, &lowest.nonce, 8);
    for (uint64_t i = 0; i < 32; i++) {
      hashes[32 * block + i] = (uint8_t)(lowest.hash[i / 4] >> (24 - 8 * (i % 4)));
    }
  }
  return nullptr;
}
