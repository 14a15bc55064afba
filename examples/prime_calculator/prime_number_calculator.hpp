// SPDX-License-Identifier: BSL-1.0
//
// The component: tests numbers for primality, many at a time. Decides which thread computes; knows nothing
// about tables and terminals.
#ifndef PRIME_CALCULATOR_PRIME_NUMBER_CALCULATOR_HPP
#define PRIME_CALCULATOR_PRIME_NUMBER_CALCULATOR_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/errors.hpp"
#include "eap/operation_manager.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/user_state.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace primes {

/// What is tested: any value, also those below 2, which are not prime.
using number = std::int32_t;

/// What one test found out.
struct primality {
    number number_to_test;
    number first_divisor; ///< 1 for a prime; 0 below 2, where nothing was divided
    bool is_prime;
};

/// `value()` is the latest prime found on the way to the number.
using calculate_prime_progress = eap::progress_changed_event_args<number>;
using calculate_prime_completed = eap::completed_event_args<primality>;

/// What one test may be given beside its number.
struct test_limits {
    std::chrono::nanoseconds timeout = eap::no_timeout;
    /// At this prime the work holds until it is asked to stop: so it is known beforehand how far it gets.
    std::optional<number> hold_at = std::nullopt;
};

/// Tests numbers on the shared pool, and tells at home how far it is and what it found.
///
/// Lifetime      outlives the operations it has started.
class prime_number_calculator {
  public:
    std::function<void(const calculate_prime_progress&)> on_progress_changed = [](const auto&) {};
    std::function<void(const calculate_prime_completed&)> on_calculate_prime_completed = [](const auto&) {};

    explicit prime_number_calculator(eap::any_synchronization_context home) : operations_{std::move(home)} {}

    //! [calculate_prime_async]
    void calculate_prime_async(number number_to_test, eap::user_state task_id, test_limits limits = {}) {
        auto operation = operations_.create_operation<primality, number>(
            std::move(task_id),
            [this](const calculate_prime_completed& e) { on_calculate_prime_completed(e); },
            [this](const calculate_prime_progress& e) { on_progress_changed(e); },
            {.timeout = limits.timeout,
             .progress = eap::progress_delivery::every(),
             .name = "calculate_prime"});

        eap::run_on(eap::thread_pool::shared(), std::move(operation),
                    [number_to_test, limits](calculation& self) {
                        return test(self, number_to_test, limits.hold_at);
                    });
    }

    /// False when no test with this id is running, or it has been asked before.
    bool cancel_async(const eap::user_state& task_id) noexcept { return operations_.cancel(task_id); }
    //! [calculate_prime_async]

    void cancel_all() noexcept { operations_.cancel_all(); }
    std::size_t pending() const { return operations_.pending(); }

  private:
    // ---- what follows runs on the pool ----

    using calculation = eap::async_operation<primality, number>;

    static primality test(calculation& self, number n, std::optional<number> hold_at) {
        if (n < 2)
            return {.number_to_test = n, .first_divisor = 0, .is_prime = false};
        const number divisor = first_divisor(n, primes_below(self, n, hold_at));
        return {.number_to_test = n, .first_divisor = divisor, .is_prime = divisor == 1};
    }

    static std::vector<number> primes_below(calculation& self, number end, std::optional<number> hold_at) {
        std::vector<number> primes{2, 3};
        for (number n = 5; n < end;
             n += 2) { // `end` is at most the greatest number, which is odd: no overflow
            if (self.cancellation_pending())
                throw eap::operation_cancelled{};
            if (first_divisor(n, primes) != 1)
                continue;
            primes.push_back(n);
            self.report_progress(percentage(n, end), n);
            if (n == hold_at)
                wait_for_stop(self.stop_token());
        }
        return primes;
    }

    /// 1 when no prime up to the root of `n` divides it: at most 4792 divisions, too few to be interrupted.
    static number first_divisor(number n, const std::vector<number>& primes) noexcept {
        for (const number prime : primes) {
            if (std::int64_t{prime} * prime > n)
                break;
            if (n % prime == 0)
                return prime;
        }
        return 1;
    }

    static int percentage(number n, number end) noexcept {
        return static_cast<int>(static_cast<float>(n) / static_cast<float>(end) * 100);
    }

    static void wait_for_stop(const std::stop_token& stop) {
        std::latch asked{1};
        const std::stop_callback release{stop, [&asked] { asked.count_down(); }};
        asked.wait();
    }

    eap::operation_manager operations_;
};

} // namespace primes

#endif
