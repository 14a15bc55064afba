// SPDX-License-Identifier: BSL-1.0
//
// What pools differ in: many posts from outside, posts from within, posts to a pool that sleeps, and functions that take a while. A
// pool is a type with `post(function)`.
#ifndef EAP_BENCHMARKS_POOLS_HPP
#define EAP_BENCHMARKS_POOLS_HPP

#include "calls.hpp"
#include "workloads.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <semaphore>
#include <string>
#include <utility>

namespace benchmarks {

inline void be_busy_for(std::chrono::nanoseconds time) {
    if (time <= std::chrono::nanoseconds{0})
        return;
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
    }
}

template <class Pool> long posted_from_outside(long count) {
    Pool pool;
    return posted_with_one_latch<1'000>(count, [&](auto function) { pool.post(std::move(function)); });
}

/// A tree: each function posts two more, until there are `count`.
template <class Pool> class tree {
  public:
    explicit tree(long count) : count_(count), left_(count) {}
    long grow() {
        pool_.post([this] { grow(1); });
        left_.wait();
        return sum_;
    }

  private:
    void grow(long node) {
        sum_.fetch_add(node, std::memory_order_relaxed);
        for (const long child : {2 * node, 2 * node + 1})
            if (child <= count_)
                pool_.post([this, child] { grow(child); });
        left_.count_down();
    }

    const long count_;
    std::latch left_;
    std::atomic<long> sum_{0};
    Pool pool_; // last: it ends first
};
template <class Pool> long posted_from_within(long count) { return tree<Pool>{count}.grow(); }

/// Posts to a pool whose threads sleep, and waits.
template <class Pool> double posted_to_sleepers(long count) {
    Pool pool;
    std::binary_semaphore done{0};
    std::chrono::nanoseconds waited{0};
    for (long i = 0; i != count; ++i) {
        be_busy_for(std::chrono::microseconds{50}); // until all are asleep
        const auto begun = std::chrono::steady_clock::now();
        pool.post([&] { done.release(); });
        done.acquire();
        waited += std::chrono::steady_clock::now() - begun;
    }
    return std::chrono::duration<double>(waited).count();
}

/// Functions that are busy for a while each.
template <class Pool> double posted_work(long count, std::chrono::nanoseconds time) {
    Pool pool;
    std::latch left{count};
    for (long i = 0; i != count; ++i)
        pool.post([&] {
            be_busy_for(time);
            left.count_down();
        });
    left.wait();
    return 0;
}

/// Adds a pool to each of the comparisons.
template <class Pool> struct pool_registration {
    explicit pool_registration(const std::string& name) {
        const auto add = [&](const char* comparison, way what) {
            registration{comparison, {std::move(what)}};
        };
        const auto timed = [&](std::function<double(long)> run, long round) {
            return way{name, std::move(run), round, false};
        };
        add("pool_outside", checked(name, posted_from_outside<Pool>));
        add("pool_within", checked(name, posted_from_within<Pool>));
        add("pool_asleep", timed(posted_to_sleepers<Pool>, 200));
        using namespace std::chrono_literals;
        add("pool_1us", timed([](long count) { return posted_work<Pool>(count, 1us); }, 5'000));
        add("pool_10us", timed([](long count) { return posted_work<Pool>(count, 10us); }, 1'000));
        add("pool_100us", timed([](long count) { return posted_work<Pool>(count, 100us); }, 200));
    }
};

} // namespace benchmarks

#endif
