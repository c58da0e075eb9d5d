/* Leaf hashes of blobs (docs/protocol/blob.md). */
#ifndef KADRE_FEDERATED_LEAVES_H
#define KADRE_FEDERATED_LEAVES_H

#include <stdint.h>

namespace kadre {

const uint64_t LEAF_BYTES = 65536;
const uint64_t DIGEST_BYTES = 32;

/* SHA-256(00, leaf), at most LEAF_BYTES of it. */
void hash_leaf(const uint8_t *leaf, uint64_t bytes, uint8_t *digest);

}  // namespace kadre

#endif
