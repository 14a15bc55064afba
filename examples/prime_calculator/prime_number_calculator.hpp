// SPDX-License-Identifier: BSL-1.0
//
// The component: tests numbers for primality, many at a time, on the shared pool. Knows nothing about tables and terminals.
#ifndef PRIME_CALCULATOR_PRIME_NUMBER_CALCULATOR_HPP
#define PRIME_CALCULATOR_PRIME_NUMBER_CALCULATOR_HPP

#include "eap/operation_options.hpp"
#include "primality.hpp"

#include "eap/async_method.hpp"
#include "eap/async_operation.hpp"
#include "eap/errors.hpp"

#include <latch>
#include <optional>
#include <stop_token>
#include <vector>

namespace primes {

//! [component]
/// `calculate_prime.start(number, hold_at, task_id)`; progress brings the latest prime, `completed` what was found out.
/// At the prime `hold_at`, if any, the work holds until it is asked to stop: so it is known beforehand how far it gets.
class prime_number_calculator {
    using calculation = eap::async_operation<primality, number>;

  public:
    explicit prime_number_calculator(eap::operation_options options)
        : calculate_prime{test, {.operation = options}} {}

    eap::async_method<primality(number, std::optional<number>), number> calculate_prime;

  private:
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
    //! [component]

    static void wait_for_stop(const std::stop_token& stop) {
        std::latch asked{1};
        const std::stop_callback release{stop, [&asked] { asked.count_down(); }};
        asked.wait();
    }
};

} // namespace primes

#endif
