// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef SIGPROP_OPENBLAS
#include <cblas.h>
#endif

namespace sigprop::scalar {

/// The threads are ours: a product of matrices stays on the thread that calls it, and is divided
/// into tiles of a fixed size.
inline void keep_products_on_their_thread() {
#ifdef SIGPROP_OPENBLAS
  openblas_set_num_threads(1);
#endif
}

}  // namespace sigprop::scalar
