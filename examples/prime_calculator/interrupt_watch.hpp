// SPDX-License-Identifier: BSL-1.0
//
// Ctrl-C as a call: on a thread that waits for nothing else, so none of the rules for signal handlers apply.
#ifndef PRIME_CALCULATOR_INTERRUPT_WATCH_HPP
#define PRIME_CALCULATOR_INTERRUPT_WATCH_HPP

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>
#include <utility>

#include <signal.h>

namespace primes {

/// Calls `interrupted` on a thread of its own at the first Ctrl-C; the second one ends the program.
///
/// Requires      made before the program's other threads, which inherit that SIGINT is not for them.
class interrupt_watch {
  public:
    explicit interrupt_watch(std::function<void()> interrupted) {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
        thread_ = std::thread{[this, call = std::move(interrupted)] { watch(call); }};
    }
    interrupt_watch(const interrupt_watch&) = delete;
    interrupt_watch& operator=(const interrupt_watch&) = delete;
    ~interrupt_watch() {
        ending_ = true;
        pthread_kill(thread_.native_handle(), SIGINT);
        thread_.join();
    }

  private:
    void watch(const std::function<void()>& interrupted) const {
        for (bool is_first = true;; is_first = false) {
            int signal = 0;
            if (sigwait(&signals_, &signal) != 0 || ending_)
                return;
            if (!is_first)
                std::_Exit(128 + SIGINT);
            interrupted();
        }
    }

    sigset_t signals_{};
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

} // namespace primes

#endif
