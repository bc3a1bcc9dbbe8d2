// SPDX-License-Identifier: Apache-2.0
#include "warp.hpp"

#include <algorithm>
#include <map>
#include <span>

namespace sigprop::test::emulation::detail {
namespace {

using Warp = std::span<Thread>;

constexpr bool names(unsigned mask, unsigned lane) {
  return (mask >> lane & 1u) != 0;
}

bool same_call(const Wait& a, const Wait& b) {
  return a.barrier == b.barrier && a.mask == b.mask;
}

/// All lanes that `wait` names have come to the same call.
bool complete(const Warp& warp, const Wait& wait) {
  for (unsigned lane = 0; lane < warp_lanes; ++lane) {
    if (!names(wait.mask, lane)) continue;
    if (lane >= warp.size() || warp[lane].finished || !same_call(warp[lane].wait, wait)) return false;
  }
  return true;
}

unsigned ballot(const Warp& warp, unsigned mask) {
  unsigned votes = 0;
  for (unsigned lane = 0; lane < warp.size(); ++lane)
    if (names(mask, lane) && warp[lane].wait.value != 0) votes |= 1u << lane;
  return votes;
}

/// A lane that the mask does not name gives a NaN: in CUDA its value is undefined.
std::uint64_t shuffled(const Warp& warp, const Wait& wait) {
  return names(wait.mask, wait.source) ? warp[wait.source].wait.value : ~std::uint64_t{0};
}

std::uint64_t answer(const Warp& warp, const Wait& wait) {
  switch (wait.barrier) {
    case Barrier::warp:
      return 0;
    case Barrier::ballot:
      return ballot(warp, wait.mask);
    case Barrier::any:
      return ballot(warp, wait.mask) != 0;
    case Barrier::all:
      return ballot(warp, wait.mask) == wait.mask;
    default:
      return shuffled(warp, wait);
  }
}

void release_group(const Warp& warp, unsigned mask) {
  for (unsigned lane = 0; lane < warp.size(); ++lane)
    if (names(mask, lane)) warp[lane].result = answer(warp, warp[lane].wait);
  for (unsigned lane = 0; lane < warp.size(); ++lane)
    if (names(mask, lane)) warp[lane].wait.barrier = Barrier::none;
}

bool release_warp(const Warp& warp) {
  bool released = false;
  for (const Thread& thread : warp) {
    const Barrier barrier = thread.wait.barrier;
    if (barrier == Barrier::none || barrier == Barrier::block || !complete(warp, thread.wait)) continue;
    release_group(warp, thread.wait.mask);
    released = true;
  }
  return released;
}

bool release_block(std::vector<Thread>& threads) {
  const Site site = threads.front().wait.site;
  const auto here = [&](const Thread& t) { return t.wait.barrier == Barrier::block && t.wait.site == site; };
  if (!std::all_of(threads.begin(), threads.end(), here)) return false;
  for (Thread& thread : threads) thread.wait.barrier = Barrier::none;
  return true;
}

const char* name(Barrier barrier) {
  switch (barrier) {
    case Barrier::none:
      return "nothing";
    case Barrier::block:
      return "__syncthreads";
    case Barrier::warp:
      return "__syncwarp";
    case Barrier::shuffle:
      return "__shfl_sync";
    case Barrier::shuffle_up:
      return "__shfl_up_sync";
    case Barrier::shuffle_down:
      return "__shfl_down_sync";
    case Barrier::shuffle_xor:
      return "__shfl_xor_sync";
    case Barrier::ballot:
      return "__ballot_sync";
    case Barrier::any:
      return "__any_sync";
    case Barrier::all:
      return "__all_sync";
  }
  return "an unknown barrier";
}

std::string place(const Thread& thread) {
  if (thread.finished) return "finished";
  return std::string("wait at ") + name(thread.wait.barrier) + " (" + thread.wait.site.file + ":" +
         std::to_string(thread.wait.site.line) + ")";
}

}  // namespace

unsigned shuffle_source(Barrier barrier, unsigned lane, unsigned operand, int width) {
  const unsigned segment = (warp_lanes - static_cast<unsigned>(width)) & (warp_lanes - 1), step = operand % warp_lanes;
  const unsigned first = lane & segment, last = first | (~segment & (warp_lanes - 1));
  switch (barrier) {
    case Barrier::shuffle:
      return first | (step & ~segment);
    case Barrier::shuffle_up:
      return lane >= first + step ? lane - step : lane;
    case Barrier::shuffle_down:
      return lane + step <= last ? lane + step : lane;
    case Barrier::shuffle_xor:
      return (lane ^ step) <= last ? lane ^ step : lane;
    default:
      return lane;
  }
}

bool release(std::vector<Thread>& threads) {
  if (release_block(threads)) return true;
  bool released = false;
  for (std::size_t first = 0; first < threads.size(); first += warp_lanes) {
    const Warp rest(threads.begin() + static_cast<std::ptrdiff_t>(first), threads.end());
    released |= release_warp(rest.first(std::min<std::size_t>(warp_lanes, rest.size())));
  }
  return released;
}

std::string standstill(const std::vector<Thread>& threads) {
  std::map<std::string, std::size_t> counts;
  for (const Thread& thread : threads) ++counts[place(thread)];
  std::string text = "its threads cannot go on:";
  for (const auto& [where, count] : counts)
    text += (text.back() == ':' ? " " : ", ") + std::to_string(count) + " " + where;
  return text;
}

}  // namespace sigprop::test::emulation::detail
