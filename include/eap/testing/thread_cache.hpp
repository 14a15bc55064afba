// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. Threads that are kept from run to run.
#ifndef EAP_TESTING_THREAD_CACHE_HPP
#define EAP_TESTING_THREAD_CACHE_HPP

#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace eap::testing::detail {

/// Threads of the operating system, kept from run to run. Only one of them runs at a time, and on one processor a turn is
/// handed over in a tenth of the time; so, where that can be asked for, they stay on one.
class thread_cache {
  public:
    thread_cache() = default;
    thread_cache(const thread_cache&) = delete;
    thread_cache& operator=(const thread_cache&) = delete;
    ~thread_cache() {
        for (const auto& each : idle_) {
            each->job = nullptr;
            each->go.release();
            each->thread.join();
        }
    }

    struct worker {
        std::binary_semaphore go{0};
        std::function<void()> job; // empty: end
        std::thread thread;
    };

    /// `job` begins when the worker's `go` is released. Whoever ends one gives it back.
    std::shared_ptr<worker> take(std::function<void()> job) {
        std::shared_ptr<worker> result;
        if (idle_.empty()) {
            result = std::make_shared<worker>();
            result->thread = std::thread{[mine = result.get(), processor = processor_] {
                stay_on(processor);
                for (;;) {
                    mine->go.acquire();
                    if (mine->job == nullptr)
                        return;
                    mine->job();
                }
            }};
        } else {
            result = std::move(idle_.back());
            idle_.pop_back();
        }
        result->job = std::move(job);
        return result;
    }
    void give_back(std::shared_ptr<worker> which) { idle_.push_back(std::move(which)); }

  private:
#ifdef __linux__
    static int this_processor() noexcept { return sched_getcpu(); }
    static void stay_on(int processor) noexcept {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(static_cast<unsigned>(processor), &only);
        static_cast<void>(
            pthread_setaffinity_np(pthread_self(), sizeof(only), &only)); // refused: only slower
    }
#else
    static int this_processor() noexcept { return 0; }
    static void stay_on(int /*processor*/) noexcept {}
#endif

    const int processor_ = this_processor();
    std::vector<std::shared_ptr<worker>> idle_;
};

} // namespace eap::testing::detail

#endif
