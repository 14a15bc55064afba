// SPDX-License-Identifier: BSL-1.0
//
// Calls on a pool, in a way that says how one is begun and ended: one at a time, or many begun and then ended.
#ifndef EAP_BENCHMARKS_CALLS_HPP
#define EAP_BENCHMARKS_CALLS_HPP

#include <algorithm>
#include <cstddef>
#include <latch>
#include <numeric>
#include <vector>

namespace benchmarks {

inline constexpr auto payload = [](long i) { return i + 1; }; // what every call does

template <class Way> long one_at_a_time(long count) {
    const Way way;
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        auto call = way.begin(i);
        sum += way.end(call);
    }
    return sum;
}

template <class Way, long AtOnce> long begun_then_ended(long count) {
    const Way way;
    std::vector<decltype(way.begin(0))> calls;
    calls.reserve(static_cast<std::size_t>(std::min(count, AtOnce)));
    long sum = 0;
    for (long begun = 0; begun != count;) {
        for (const long until = std::min(count, begun + AtOnce); begun != until; ++begun)
            calls.push_back(way.begin(begun));
        for (auto& each : calls)
            sum += way.end(each);
        calls.clear();
    }
    return sum;
}

/// What functions on a pool have come to, and the one latch for all of them.
class results {
  public:
    explicit results(long count) : values_(static_cast<std::size_t>(count)), missing_(count) {}
    void set(long i, long value) {
        values_[static_cast<std::size_t>(i)] = value;
        missing_.count_down();
    }
    long wait_for_sum() const {
        missing_.wait();
        return std::accumulate(values_.begin(), values_.end(), 0L);
    }

  private:
    std::vector<long> values_;
    std::latch missing_;
};

/// `post(function)` runs it on a pool, and there is nothing to end: one latch for `AtOnce` of them.
template <long AtOnce, class Post> long posted_with_one_latch(long count, Post post) {
    long sum = 0;
    for (long begun = 0; begun != count;) {
        const long first = begun;
        const long until = std::min(count, first + AtOnce);
        results all{until - first};
        for (; begun != until; ++begun)
            post([&all, first, i = begun] { all.set(i - first, payload(i)); });
        sum += all.wait_for_sum();
    }
    return sum;
}

} // namespace benchmarks

#endif
