// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/cuda.hpp"

/// One device with its stream, memory and matrix products. No type of CUDA's is seen from outside.
namespace sigprop::cuda {

/// How float32 products are made. tf32 and bf16 round the factors (10 and 7 bits of mantissa) and
/// add in float32.
enum class Arithmetic { float32, tf32, bf16 };

/// A number of 16 bits, of CUDA's type __nv_bfloat16.
struct Bf16 {
  std::uint16_t bits;
};

enum class Type { float32, bf16, float64 };

/// A row-major matrix, or a batch of them `stride` elements apart, as it lies in memory.
struct Operand {
  const void* data = nullptr;
  Type type = Type::float32;
  std::ptrdiff_t rows = 0;
  std::ptrdiff_t columns = 0;
  std::ptrdiff_t stride = 0;
};

/// c ← alpha op(a) op(b) + beta c for every matrix of a batch; op transposes where it is asked to.
/// c is row-major, without gaps, of float or, for factors of float64, of double.
struct Product {
  Operand a;
  bool transpose_a = false;
  Operand b;
  bool transpose_b = false;
  void* c = nullptr;
  std::ptrdiff_t batch = 1;
  double alpha = 1;
  double beta = 0;
};

/// All work on one device goes through a context, in the order of the calls, without waiting for
/// it. A dry context takes no device and computes nothing: it counts the memory that the same calls
/// would take. Functions throw simulate::MachineError, which names the call, CUDA's text and the
/// device; where memory is short, with the bytes asked and free.
class Context {
 public:
  Context(int device, Arithmetic arithmetic);
  [[nodiscard]] static Context dry(Arithmetic arithmetic);
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) = delete;

  /// Makes the device the calling thread's own: before a thread that did not make the context works
  /// with it.
  void use() const;

  [[nodiscard]] bool is_dry() const;
  [[nodiscard]] Arithmetic arithmetic() const;
  /// The stream as CUDA's cudaStream_t.
  [[nodiscard]] void* stream() const;

  /// Device memory, given back in the order of the work: a kernel that was launched before may
  /// still use it.
  [[nodiscard]] void* allocate(std::size_t bytes);
  void release(void* memory, std::size_t bytes) noexcept;
  /// Bytes held now, and the most that were held at once.
  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] std::size_t peak() const;

  void clear(void* memory, std::size_t bytes);
  /// From the device into the host's memory; waits until it is there.
  void download(void* to, const void* from, std::size_t bytes);
  void upload(void* to, const void* from, std::size_t bytes);
  /// Waits for all work; throws what went wrong in it.
  void wait();

  void multiply(const Product& product);

  /// Throws what a call of CUDA's runtime returned, where it is not success (0).
  void require(int status, const char* call) const;

 private:
  struct State;
  explicit Context(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// All devices of this machine, or the one that is wanted; others are left alone. Throws
/// simulate::MachineError where there is none or no driver, and where the wanted one is not there.
[[nodiscard]] std::vector<DeviceInfo> list_devices(std::optional<int> wanted = std::nullopt);

/// Device memory of a number of elements, given back at the end.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(Context& context, std::size_t size)
      : context_(&context), size_(size), data_(static_cast<T*>(context.allocate(size * sizeof(T)))) {}
  ~Buffer() { free(); }
  Buffer(Buffer&& other) noexcept
      : context_(std::exchange(other.context_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      free();
      context_ = std::exchange(other.context_, nullptr);
      size_ = std::exchange(other.size_, 0);
      data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
  }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }
  [[nodiscard]] explicit operator bool() const { return context_ != nullptr; }

 private:
  void free() noexcept {
    if (context_ != nullptr) context_->release(data_, bytes());
    context_ = nullptr;
  }

  Context* context_ = nullptr;
  std::size_t size_ = 0;
  T* data_ = nullptr;
};

}  // namespace sigprop::cuda
