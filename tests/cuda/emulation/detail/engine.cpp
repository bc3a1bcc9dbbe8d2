// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <exception>
#include <numeric>
#include <stdexcept>

#include "state.hpp"
#include "warp.hpp"

// Runs kernels. Every thread of a block is a fiber that runs until it ends or waits; when no thread
// can run, the barriers that are complete let theirs go on. A fiber whose thread ended without
// waiting takes the next thread, so a kernel without barriers is a plain loop.

namespace sigprop::test::emulation::detail {
namespace {

class Engine {
 public:
  /// Empty, or what went wrong.
  std::string run(const cudaLaunchConfig_t& config, void (*thread)(const void*), const void* context);
  void wait(const Wait& wait);
  [[nodiscard]] unsigned lane() const { return current_ % warp_lanes; }
  [[nodiscard]] std::uint64_t result() const { return threads_[current_].result; }
  [[nodiscard]] bool running() const { return running_; }
  [[noreturn]] void refuse_unnamed_lane(const Site& site);
  [[noreturn]] void work();

 private:
  void run_block(std::uint64_t block);
  void begin_block();
  void queue_ready_threads();
  void keep_one_warp();
  [[nodiscard]] bool any_ready() const;
  void run_thread();
  bool take_new_thread();
  void enter(unsigned thread);
  Fiber& next();
  Fiber& idle_fiber();
  void leave();
  void abandon();
  void place_block(std::uint64_t block);
  template <class Number>
  void arrange(std::vector<Number>& numbers);
  std::uint64_t random();

  void (*thread_)(const void*) = nullptr;
  const void* context_ = nullptr;
  bool running_ = false;
  Order order_ = Order::ascending;
  std::uint64_t random_ = 0;
  std::string fault_;

  std::vector<Thread> threads_;
  /// The threads that can run, in order; those before the cursor have had their turn.
  std::vector<unsigned> queue_;
  std::size_t cursor_ = 0;
  unsigned current_ = 0;
  unsigned ahead_ = 0;  ///< the warp that runs ahead

  Fiber main_;
  Fiber* active_ = &main_;
  std::deque<Fiber> fibers_;
  std::vector<Fiber*> idle_;
};

Engine& engine() {
  static Engine the_engine;
  return the_engine;
}

std::string Engine::run(const cudaLaunchConfig_t& config, void (*thread)(const void*), const void* context) {
  thread_ = thread;
  context_ = context;
  fault_.clear();
  {
    const std::lock_guard lock(state().mutex);
    order_ = state().order;
    random_ = state().seed;
  }
  position.grid_size = config.gridDim;
  position.block_size = config.blockDim;
  threads_.resize(std::size_t{config.blockDim.x} * config.blockDim.y * config.blockDim.z);
  std::vector<std::uint64_t> blocks(std::size_t{config.gridDim.x} * config.gridDim.y * config.gridDim.z);
  std::iota(blocks.begin(), blocks.end(), 0);
  arrange(blocks);
  running_ = true;
  for (auto block = blocks.begin(); block != blocks.end() && fault_.empty(); ++block) run_block(*block);
  running_ = false;
  return fault_;
}

void Engine::run_block(std::uint64_t block) {
  place_block(block);
  begin_block();
  do {
    queue_ready_threads();
    if (queue_.empty()) return;
    leave();
  } while (fault_.empty() && (release(threads_) || any_ready()));
  const auto ended = [](const Thread& thread) { return thread.finished; };
  if (fault_.empty() && !std::all_of(threads_.begin(), threads_.end(), ended)) fault_ = standstill(threads_);
  if (!fault_.empty()) abandon();
}

void Engine::place_block(std::uint64_t block) {
  const std::uint64_t x = position.grid_size.x, y = position.grid_size.y;
  position.block = {static_cast<unsigned>(block % x), static_cast<unsigned>(block / x % y),
                    static_cast<unsigned>(block / (x * y))};
}

void Engine::begin_block() {
  uint3 index{};
  for (Thread& thread : threads_) {
    thread = Thread{};
    thread.index = index;
    if (++index.x < position.block_size.x) continue;
    index.x = 0;
    if (++index.y < position.block_size.y) continue;
    index.y = 0;
    ++index.z;
  }
}

void Engine::queue_ready_threads() {
  queue_.clear();
  cursor_ = 0;
  for (unsigned i = 0; i < threads_.size(); ++i)
    if (threads_[i].ready()) queue_.push_back(i);
  arrange(queue_);
  if (order_ == Order::one_warp_ahead && !queue_.empty()) keep_one_warp();
}

/// The one that ran last, as long as it can.
void Engine::keep_one_warp() {
  const auto of_it = [this](unsigned thread) { return thread / warp_lanes == ahead_; };
  if (std::none_of(queue_.begin(), queue_.end(), of_it)) ahead_ = queue_[random() % queue_.size()] / warp_lanes;
  std::erase_if(queue_, [&](unsigned thread) { return !of_it(thread); });
}

bool Engine::any_ready() const {
  return std::any_of(threads_.begin(), threads_.end(), [](const Thread& thread) { return thread.ready(); });
}

template <class Number>
void Engine::arrange(std::vector<Number>& numbers) {
  if (order_ == Order::descending) std::reverse(numbers.begin(), numbers.end());
  if (order_ != Order::shuffled) return;
  for (std::size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[random() % i]);
}

/// SplitMix64.
std::uint64_t Engine::random() {
  std::uint64_t z = random_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void Engine::work() {
  for (;;) {
    while (take_new_thread()) run_thread();
    idle_.push_back(active_);
    leave();
  }
}

bool Engine::take_new_thread() {
  if (!fault_.empty() || cursor_ == queue_.size() || threads_[queue_[cursor_]].fiber != nullptr) return false;
  enter(queue_[cursor_++]);
  return true;
}

void Engine::enter(unsigned thread) {
  current_ = thread;
  position.thread = threads_[thread].index;
}

void Engine::run_thread() {
  try {
    thread_(context_);
  } catch (const std::exception& error) {
    fault_ = std::string("a thread threw an exception: ") + error.what();
  } catch (...) {
    fault_ = "a thread threw an exception";
  }
  threads_[current_].finished = true;
}

void Engine::wait(const Wait& wait) {
  threads_[current_].wait = wait;
  threads_[current_].fiber = active_;
  leave();
}

void Engine::leave() {
  Fiber& from = *active_;
  active_ = &next();
  Fiber::change(from, *active_);
}

/// The fiber of the first thread in the queue, or the launching one when no thread can run.
Fiber& Engine::next() {
  if (!fault_.empty() || cursor_ == queue_.size()) return main_;
  const unsigned thread = queue_[cursor_];
  if (threads_[thread].fiber == nullptr) return idle_fiber();
  ++cursor_;
  enter(thread);
  return *threads_[thread].fiber;
}

Fiber& Engine::idle_fiber() {
  if (idle_.empty()) return fibers_.emplace_back([] { engine().work(); });
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

/// The running thread is never resumed, so nothing that must be destroyed may be alive here when it
/// leaves.
void Engine::refuse_unnamed_lane(const Site& site) {
  fault_ = "lane " + std::to_string(lane()) + " calls a warp function whose mask does not name it (" + site.file + ":" +
           std::to_string(site.line) + ")";
  leave();
  std::terminate();
}

/// The fibers of threads that never ended begin anew; what they had on their stacks is not
/// destroyed.
void Engine::abandon() {
  idle_.clear();
  for (Fiber& fiber : fibers_) {
    fiber.restart();
    idle_.push_back(&fiber);
  }
}

bool valid(const cudaLaunchConfig_t& config) {
  const dim3 grid = config.gridDim, block = config.blockDim;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0) return false;
  if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) return false;
  return block.x <= 1024 && block.y <= 1024 && block.z <= 64 && block.x * block.y * block.z <= 1024;
}

bool supported(const cudaLaunchConfig_t& config) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttributeID id = config.attrs[i].id;
    if (id == cudaLaunchAttributeCooperative || id == cudaLaunchAttributeClusterDimension) return false;
  }
  return config.dynamicSmemBytes == 0;
}

cudaError_t check(const cudaLaunchConfig_t* config) {
  if (config == nullptr || (config->numAttrs > 0 && config->attrs == nullptr)) return cudaErrorInvalidValue;
  if (!valid(*config)) return cudaErrorInvalidConfiguration;
  if (!supported(*config)) return cudaErrorNotSupported;
  if (device_of(config->stream) != current_device) return cudaErrorInvalidResourceHandle;
  ++state().launches;
  return cudaSuccess;
}

std::string text(const uint3& index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

cudaError_t failed(const std::string& fault) {
  const std::lock_guard lock(state().mutex);
  state().fault =
      "kernel launch " + std::to_string(state().launches) + ", block " + text(position.block) + ": " + fault;
  return noted(cudaErrorLaunchFailure);
}

Engine& running_engine() {
  if (!engine().running()) throw std::logic_error("a barrier outside a kernel");
  return engine();
}

}  // namespace

void meet_block(const Site& site) {
  running_engine().wait({Barrier::block, 0, 0, 0, site});
}

std::uint64_t meet_warp(Barrier barrier, unsigned mask, std::uint64_t value, unsigned operand, int width,
                        const Site& site) {
  Engine& running = running_engine();
  const unsigned lane = running.lane();
  if ((mask >> lane & 1u) == 0) running.refuse_unnamed_lane(site);
  running.wait({barrier, mask, value, shuffle_source(barrier, lane, operand, width), site});
  return running.result();
}

cudaError_t launch(const cudaLaunchConfig_t* config, void (*thread)(const void*), const void* context) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const cudaError_t refused = api("cudaLaunchKernelEx", [&] { return check(config); });
  if (refused != cudaSuccess) return refused;
  const std::string fault = engine().run(*config, thread, context);
  return fault.empty() ? cudaSuccess : failed(fault);
}

}  // namespace sigprop::test::emulation::detail
