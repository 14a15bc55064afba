// SPDX-License-Identifier: BSL-1.0
//
// What a prime is. Knows nothing about threads.
#ifndef PRIME_CALCULATOR_PRIMALITY_HPP
#define PRIME_CALCULATOR_PRIMALITY_HPP

#include <cstdint>
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

/// 1 when no prime up to the root of `n` divides it: at most 4792 divisions, too few to be interrupted.
inline number first_divisor(number n, const std::vector<number>& primes) noexcept {
    for (const number prime : primes) {
        if (std::int64_t{prime} * prime > n)
            break;
        if (n % prime == 0)
            return prime;
    }
    return 1;
}

inline int percentage(number n, number end) noexcept {
    return static_cast<int>(static_cast<float>(n) / static_cast<float>(end) * 100);
}

} // namespace primes

#endif
