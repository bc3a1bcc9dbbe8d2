// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks a function that is compiled for the host and, by nvcc, for the device too.
#ifdef __CUDACC__
#define SIGPROP_HOST_DEVICE __host__ __device__
#else
#define SIGPROP_HOST_DEVICE
#endif
